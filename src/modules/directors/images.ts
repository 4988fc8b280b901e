import type { Sharp } from 'sharp'
import { AppError, inputFault } from '../../errors.ts'
import { hasTooManyPixels, openPicture, type PictureKind, pictureKindOf } from '../../files/pictures.ts'
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

const formats = {
  jpeg: { contentType: 'image/jpeg', extension: 'jpg', encode: (it: Sharp) => it.jpeg({ quality: 85 }) },
  png: { contentType: 'image/png', extension: 'png', encode: (it: Sharp) => it.png() },
  webp: { contentType: 'image/webp', extension: 'webp', encode: (it: Sharp) => it.webp({ quality: 85 }) },
} as const

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
      const { contentType, extension } = formats[kind]
      return semaphore.run(caller, async () => ({ bytes: await reencodeAs(kind, bytes), contentType, extension }))
    },
  }
}

function kindOf(bytes: Buffer): PictureKind {
  if (bytes.length === 0) throw inputFault('body.photo', 'must not be empty')
  const kind = pictureKindOf(bytes)
  if (kind) return kind
  throw new AppError('unsupported_media_type', { detail: 'The photo must be a JPEG, PNG or WebP picture' })
}

async function reencodeAs(kind: PictureKind, bytes: Buffer): Promise<Buffer> {
  const size = { width: maxSide, height: maxSide, fit: 'inside', withoutEnlargement: true } as const
  try {
    return await formats[kind]
      .encode(openPicture(bytes, maxPixels).resize(size))
      .timeout({ seconds: secondsToDecode })
      .toBuffer()
  } catch (error) {
    if (hasTooManyPixels(error)) {
      throw new AppError('payload_too_large', { detail: 'The photo has more than 50 megapixels' })
    }
    throw inputFault('body.photo', 'is damaged and cannot be read')
  }
}

/** By the extension of a key. */
export function contentTypeOf(key: string): string {
  const format = Object.values(formats).find(({ extension }) => key.endsWith(`.${extension}`))
  return format?.contentType ?? 'application/octet-stream'
}
