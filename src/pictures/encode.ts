import { hash } from 'node:crypto'
import sharp, { type OutputInfo, type Sharp } from 'sharp'
import { hasTooManyPixels, openPicture, pictureKindOf } from '../files/pictures.ts'
import { PictureFailure } from './failures.ts'
import type { Size } from './paths.ts'

/** A picture in one size and format. */
export interface Variant {
  name: `${Size}.webp` | `${'small' | 'full'}.jpg`
  bytes: Buffer
}

// Posters have some 6 megapixels at most; decoding so many takes up to 150 MB.
const maxPixels = 25_000_000
const secondsToDecode = 10
// Smaller ones are placeholders, or the dots that count readers.
const minSide = 40

const widths: Record<Size, number> = { small: 180, medium: 360, full: 1000 }
const maxHeight = 2000

/**
 * The picture drawn anew in every size, and nothing else of the file; JPEG for clients of upstream's API.
 * @throws {PictureFailure} not_a_picture, placeholder, too_large, damaged
 */
export async function encodePicture(bytes: Buffer, withJpeg: boolean): Promise<Variant[]> {
  if (!pictureKindOf(bytes)) throw new PictureFailure('none', 'not_a_picture')
  const picture = openPicture(bytes, maxPixels)
  try {
    const { width = 0, height = 0 } = await picture.metadata()
    if (Math.min(width, height) < minSide) throw new PictureFailure('none', 'placeholder')
    // Decoded once, in the largest size: the smaller ones are made of that.
    const { data, info } = await shrink(picture, 'full')
      .flatten({ background: '#fff' })
      .toColourspace('srgb')
      .timeout({ seconds: secondsToDecode })
      .raw()
      .toBuffer({ resolveWithObject: true })
    if (await isOneColour(data, info)) throw new PictureFailure('none', 'placeholder')
    const of = (size: Size) => shrink(sharp(data, { raw: info }), size)
    const webp = async (size: Size): Promise<Variant> => ({
      name: `${size}.webp`,
      bytes: await of(size).webp({ quality: 80, effort: 2 }).toBuffer(),
    })
    const jpeg = async (size: 'small' | 'full'): Promise<Variant> => ({
      name: `${size}.jpg`,
      bytes: await of(size).jpeg({ quality: 82 }).toBuffer(),
    })
    const variants = [await webp('small'), await webp('medium'), await webp('full')]
    return withJpeg ? [...variants, await jpeg('small'), await jpeg('full')] : variants
  } catch (error) {
    if (error instanceof PictureFailure) throw error
    throw new PictureFailure('none', hasTooManyPixels(error) ? 'too_large' : 'damaged', error)
  }
}

/** Equal for equal bytes: the tag of a picture, and how placeholders are recognised. */
export function contentHashOf(bytes: Buffer): string {
  return hash('sha256', bytes, 'hex').slice(0, 32)
}

/** Nobody has made such a poster. */
async function isOneColour(data: Buffer, raw: OutputInfo): Promise<boolean> {
  const few = await sharp(data, { raw }).resize(64, 64, { fit: 'inside' }).png().toBuffer()
  const { channels } = await sharp(few).stats()
  return channels.every(({ stdev }) => stdev < 1)
}

function shrink(picture: Sharp, size: Size): Sharp {
  return picture.resize({ width: widths[size], height: maxHeight, fit: 'inside', withoutEnlargement: true })
}
