import sharp, { type Sharp } from 'sharp'
import { AppError, inputFault } from '../../errors.ts'
import { createSemaphore, type QueueKey } from '../../semaphore.ts'

export interface Image {
  bytes: Buffer
  contentType: 'image/jpeg' | 'image/png' | 'image/webp'
  extension: 'jpg' | 'png' | 'webp'
}

export type Images = ReturnType<typeof createImages>

// A picture takes a thread of libuv's pool of four, and up to 300 MB (a progressive JPEG of 50 megapixels) for a second.
const turns = { max: 1, maxQueue: 60 }
const maxPixels = 50_000_000
const maxSide = 2048
const secondsToDecode = 20

const kinds = [
  {
    contentType: 'image/jpeg',
    extension: 'jpg',
    magic: /^\xff\xd8\xff/,
    encode: (it: Sharp) => it.jpeg({ quality: 85 }),
  },
  { contentType: 'image/png', extension: 'png', magic: /^.PNG\r\n.\n/s, encode: (it: Sharp) => it.png() },
  {
    contentType: 'image/webp',
    extension: 'webp',
    magic: /^RIFF.{4}WEBPVP8[ LX]/s,
    encode: (it: Sharp) => it.webp({ quality: 85 }),
  },
] as const

// Only these three decoders can be reached: whatever else libvips reads (SVG, PDF, TIFF…) is not even looked at.
sharp.block({ operation: ['VipsForeignLoad'] })
sharp.unblock({
  operation: ['VipsForeignLoadJpegBuffer', 'VipsForeignLoadPngBuffer', 'VipsForeignLoadWebpBuffer'],
})
sharp.cache(false)
sharp.concurrency(1)

/** Makes untrusted pictures harmless, one at a time. */
export function createImages() {
  const semaphore = createSemaphore({ name: 'pictures', ...turns })

  return {
    /**
     * The picture re-encoded in its own format: upright, in sRGB, at most 2048 pixels on a side, the first frame of an
     * animation, and nothing else of the file: no EXIF, no location, no appended archive.
     * @throws {AppError} unsupported_media_type, invalid_input (damaged), payload_too_large (pixels), overloaded
     */
    async reencode(bytes: Buffer, caller: QueueKey): Promise<Image> {
      const kind = kindOf(bytes)
      const { contentType, extension } = kind
      return semaphore.run(caller, async () => ({ bytes: await reencodeAs(kind, bytes), contentType, extension }))
    },
  }
}

type Kind = (typeof kinds)[number]

function kindOf(bytes: Buffer): Kind {
  if (bytes.length === 0) throw inputFault('body.photo', 'must not be empty')
  const start = bytes.subarray(0, 16).toString('latin1')
  const kind = kinds.find(({ magic }) => magic.test(start))
  if (kind) return kind
  throw new AppError('unsupported_media_type', { detail: 'The photo must be a JPEG, PNG or WebP picture' })
}

async function reencodeAs(kind: Kind, bytes: Buffer): Promise<Buffer> {
  const picture = sharp(bytes, { limitInputPixels: maxPixels, failOn: 'error', animated: false })
  try {
    return await kind
      .encode(picture.autoOrient().resize({ width: maxSide, height: maxSide, fit: 'inside', withoutEnlargement: true }))
      .timeout({ seconds: secondsToDecode })
      .toBuffer()
  } catch (error) {
    if ((error as Error).message.includes('exceeds pixel limit')) {
      throw new AppError('payload_too_large', { detail: 'The photo has more than 50 megapixels' })
    }
    throw inputFault('body.photo', 'is damaged and cannot be read')
  }
}
