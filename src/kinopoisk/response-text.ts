import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, inflateRaw } from 'node:zlib'
import { badResponse } from './failures.ts'

type Decode = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>

const unzip = promisify(gunzip) as Decode
const inflateWrapped = promisify(inflate) as Decode
const inflateBare = promisify(inflateRaw) as Decode

/** By the name in Content-Encoding. `deflate` is sent in the wrapping of zlib (RFC 9110), and by some servers without. */
const codings: Record<string, Decode> = {
  gzip: unzip,
  'x-gzip': unzip,
  br: promisify(brotliDecompress) as Decode,
  deflate: (bytes, options) => (isWrapped(bytes) ? inflateWrapped : inflateBare)(bytes, options),
}

/** What we ask for; what is sent unasked is undone as well. */
export const acceptEncoding = 'gzip, deflate, br'

const maxCodings = 4

/**
 * The body as text: content codings undone, the charset decoded, without a byte order mark. At most `maxBytes` are read,
 * and as many made of them at each step, so that no small body becomes a large one.
 * @throws {UpstreamFailure} bad_response for whatever cannot be decoded without a loss
 */
export async function readText(
  body: AsyncIterable<Buffer>,
  headers: IncomingHttpHeaders,
  maxBytes: number,
): Promise<string> {
  let bytes = await readBytes(body, maxBytes)
  for (const decode of stepsOf(headers['content-encoding'])) bytes = await undo(decode, bytes, maxBytes)
  return decodeText(bytes, headers['content-type'])
}

async function readBytes(body: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  // Leaving the loop early destroys the stream, and with it the connection.
  for await (const chunk of body) {
    size += chunk.length
    if (size > maxBytes) throw badResponse('too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** How to undo the codings, the last one that was applied first. */
function stepsOf(contentEncoding: string | string[] | undefined): Decode[] {
  const names = String(contentEncoding ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity')
  if (names.length > maxCodings) throw badResponse('encoded too often')
  return names.toReversed().map((name) => {
    const decode = Object.hasOwn(codings, name) ? codings[name] : undefined
    if (!decode) throw badResponse('of an unknown content coding')
    return decode
  })
}

async function undo(decode: Decode, bytes: Buffer, maxBytes: number): Promise<Buffer> {
  try {
    return await decode(bytes, { maxOutputLength: maxBytes })
  } catch (error) {
    throw badResponse((error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE' ? 'too large' : 'not decodable')
  }
}

/** The compression method in the first byte of zlib's wrapping; a bare stream begins so only with an empty block. */
function isWrapped(bytes: Buffer): boolean {
  return ((bytes[0] ?? 0) & 0x0f) === 8
}

function decodeText(bytes: Buffer, contentType: string | undefined): string {
  const decoder = decoderOf(charsetOfMark(bytes) ?? charsetOfHeader(contentType) ?? 'utf-8')
  // Servers name a charset without using it: JSON is UTF-8, and text of another charset is hardly ever valid UTF-8.
  const isMislabelled = !decoder.encoding.startsWith('utf-') && isUtf8(bytes)
  try {
    // A mark is left out by it.
    return (isMislabelled ? new TextDecoder() : decoder).decode(bytes)
  } catch {
    throw badResponse('not of its charset')
  }
}

/** A byte order mark says more than a header. */
function charsetOfMark(bytes: Buffer): string | undefined {
  const starts = (...mark: number[]) => mark.every((byte, index) => bytes[index] === byte)
  if (starts(0xef, 0xbb, 0xbf)) return 'utf-8'
  if (starts(0xff, 0xfe)) return 'utf-16le'
  return starts(0xfe, 0xff) ? 'utf-16be' : undefined
}

function charsetOfHeader(contentType: string | undefined): string | undefined {
  return /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType ?? '')?.[1]
}

function decoderOf(charset: string): TextDecoder {
  try {
    return new TextDecoder(charset, { fatal: true })
  } catch {
    throw badResponse('of an unknown charset')
  }
}
