import sharp, { type Sharp } from 'sharp'

const kinds = [
  { name: 'jpeg', magic: /^\xff\xd8\xff/ },
  { name: 'png', magic: /^.PNG\r\n.\n/s },
  { name: 'webp', magic: /^RIFF.{4}WEBPVP8[ LX]/s },
] as const

export type PictureKind = (typeof kinds)[number]['name']

// Only these three decoders can be reached: whatever else libvips reads (SVG, PDF, TIFF…) is not even looked at.
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({
  operation: ['VipsForeignLoadJpegBuffer', 'VipsForeignLoadPngBuffer', 'VipsForeignLoadWebpBuffer'],
})
sharp.cache(false)
sharp.concurrency(1)

/** What a file is by its first bytes; undefined for what is no picture that is taken here. */
export function pictureKindOf(bytes: Buffer): PictureKind | undefined {
  const start = bytes.subarray(0, 16).toString('latin1')
  return kinds.find(({ magic }) => magic.test(start))?.name
}

/** An untrusted picture to be decoded: upright, the first frame of an animation, and refused before it is decoded if it has more pixels. */
export function openPicture(bytes: Buffer, maxPixels: number): Sharp {
  return sharp(bytes, { limitInputPixels: maxPixels, failOn: 'error', animated: false }).autoOrient()
}

/** True for the error of a picture with too many pixels. */
export function hasTooManyPixels(error: unknown): boolean {
  return error instanceof Error && error.message.includes('exceeds pixel limit')
}
