import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'

interface Encoded {
  bytes: Buffer
  headers?: Record<string, string>
}

// A question mark.
const SUBSTITUTE = 63
const BOMB_BYTES = 16 * 1024 * 1024

const coded = (coding: string, bytes: Buffer): Encoded => ({ bytes, headers: { 'content-encoding': coding } })
const typed = (charset: string, bytes: Buffer): Encoded => ({
  bytes,
  headers: { 'content-type': `application/json; charset=${charset}` },
})

export type EncodingFault = (typeof encodings)[number]

// The first ten can be read.
const encodings = [
  ...(['gzip', 'br', 'deflate', 'raw_deflate', 'stacked'] as const),
  ...(['bom', 'windows_1251', 'koi8_r', 'utf_16', 'mislabelled'] as const),
  ...(['bad_gzip', 'cut_gzip', 'bad_coding', 'bad_charset', 'bad_utf8', 'bomb'] as const),
]

export function isEncodingFault(fault: unknown): fault is EncodingFault {
  return encodings.includes(fault as EncodingFault)
}

/** How a reply may be encoded, whatever the client accepts. */
export const encodingFaults: Record<EncodingFault, (text: string) => Encoded> = {
  gzip: (text) => coded('gzip', gzipSync(text)),
  br: (text) => coded('br', brotliCompressSync(text)),
  deflate: (text) => coded('deflate', deflateSync(text)),
  raw_deflate: (text) => coded('deflate', deflateRawSync(text)),
  stacked: (text) => coded('deflate, identity, X-GZIP , Br', brotliCompressSync(gzipSync(deflateSync(text)))),
  bom: (text) => ({ bytes: Buffer.from(`\uFEFF${text}`) }),
  windows_1251: (text) => typed('windows-1251', singleBytes(text, 'windows-1251')),
  koi8_r: (text) => typed('"KOI8-R"', singleBytes(text, 'koi8-r')),
  utf_16: (text) => typed('utf-16', Buffer.from(`\uFEFF${text}`, 'utf16le')),
  mislabelled: (text) => typed('iso-8859-1', Buffer.from(text)),
  bad_gzip: (text) => coded('gzip', Buffer.from(text)),
  cut_gzip: (text) => coded('gzip', gzipSync(text).subarray(0, -9)),
  bad_coding: (text) => coded('compress', Buffer.from(text)),
  bad_charset: (text) => typed('klingon', Buffer.from(text)),
  bad_utf8: (text) => ({ bytes: singleBytes(text, 'windows-1251') }),
  bomb: () => coded('gzip, gzip', gzipSync(gzipSync(Buffer.alloc(BOMB_BYTES, ' ')))),
}

/** What the charset lacks becomes a question mark. */
function singleBytes(text: string, charset: string): Buffer {
  const characters = new TextDecoder(charset).decode(Uint8Array.from({ length: 256 }, (_, byte) => byte))
  const byteOf = (character: string) => (characters.includes(character) ? characters.indexOf(character) : SUBSTITUTE)
  return Buffer.from(Array.from(text, byteOf))
}
