import { randomBytes } from 'node:crypto'
import { crc32, deflateSync } from 'node:zlib'
import sharp from 'sharp'

export type PictureKind = 'jpeg' | 'png' | 'webp'

/** A picture of one colour, or of noise where it must not be small. */
export async function picture(kind: PictureKind, width = 40, height = 30, noise = false): Promise<Buffer> {
  const raw = noise ? randomBytes(width * height * 3) : Buffer.alloc(width * height * 3, 0x80)
  const image = sharp(raw, { raw: { width, height, channels: 3 } })
  return image.toFormat(kind, kind === 'png' ? { compressionLevel: 1 } : {}).toBuffer()
}

/** A PNG of 900 megapixels in some 120 KB. */
export function pngBomb(side = 30_000): Buffer {
  const header = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0])
  header.writeUInt32BE(side, 0)
  header.writeUInt32BE(side, 4)
  const rows = Buffer.alloc(side * (1 + Math.ceil(side / 8)))
  const magic = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([magic, chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data])
  const [length, crc] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  crc.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, crc])
}

export interface Part {
  name?: string
  /** Without it the part is a field and not a file. */
  filename?: string
  type?: string
  bytes: Buffer | string
}

/** A multipart request body, well formed or as told. */
export function form(...parts: Part[]): { payload: Buffer; headers: { 'content-type': string } } {
  const boundary = `----test${randomBytes(8).toString('hex')}`
  const pieces = parts.flatMap(({ name = 'photo', filename, type = 'image/png', bytes }) => [
    `--${boundary}\r\ncontent-disposition: form-data; name="${name}"`,
    filename === undefined ? '' : `; filename="${filename}"\r\ncontent-type: ${type}`,
    '\r\n\r\n',
    bytes,
    '\r\n',
  ])
  const payload = Buffer.concat([...pieces, `--${boundary}--\r\n`].map((piece) => Buffer.from(piece)))
  return { payload, headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } }
}

/** A form with the one file that is wanted. */
export function photo(bytes: Buffer | string, about: Omit<Part, 'bytes'> = {}) {
  return form({ filename: 'photo.png', ...about, bytes })
}
