import { UnreadableFile } from './unreadable.ts'

// What files have at some place of their beginning that are sent by mistake, in Latin-1.
const others: [at: number, signs: string, what: string][] = [
  [0, '%PDF', 'a PDF document'],
  [0, '\xff\xd8\xff', 'a JPEG picture'],
  [0, '\x89PNG', 'a PNG picture'],
  [0, 'GIF8', 'a GIF picture'],
  [8, 'WEBP', 'a WebP picture'],
  [0, 'II*\0', 'a TIFF picture'],
  [0, 'MM\0*', 'a TIFF picture'],
  ...['heic', 'heix', 'hevc', 'mif1', 'msf1', 'avif', 'avis'].map((brand): [number, string, string] => [
    4,
    `ftyp${brand}`,
    'a HEIC or AVIF picture',
  ]),
  [4, 'ftyp', 'a video'],
  [0, '\x1f\x8b', 'a gzip archive'],
  [0, '7z\xbc\xaf', 'a 7-Zip archive'],
  [0, 'Rar!', 'a RAR archive'],
  [0, 'BZh', 'a bzip2 archive'],
  [0, '\xfd7zXZ', 'an xz archive'],
  [0, 'SQLite format 3', 'an SQLite database'],
  [0, '\x7fELF', 'a program'],
  [0, 'MZ\x90', 'a program'],
  [0, '{\\rtf', 'an RTF document'],
  [0, 'PAR1', 'a Parquet file'],
]
const oldOffice = '\xd0\xcf\x11\xe0'
const zips = ['PK\x03\x04', 'PK\x05\x06']

const saveAs =
  'open it in the spreadsheet and save it as "CSV UTF-8" (Excel: File → Save As → CSV UTF-8; LibreOffice: Text CSV with ' +
  'the character set Unicode (UTF-8))'

export type FileKind = 'zip' | 'json' | 'html' | 'csv'

/**
 * What a file is by how it begins.
 * @throws {UnreadableFile} for what is no text
 */
export function kindOf(head: Buffer): FileKind {
  const text = head.toString('latin1', 0, 1024)
  if (zips.some((signs) => text.startsWith(signs))) return 'zip'
  if (text.startsWith(oldOffice)) throw workbook('The file is an .xls workbook of an old Excel')
  // Some phones write a line end before a picture.
  const begin = text.trimStart()
  const [, , what] = others.find(([at, signs]) => begin.startsWith(signs, at)) ?? []
  if (what) throw new UnreadableFile(`The file is ${what}, not a table: send a CSV file`, { isBinary: true })
  const plain = text
    .replace(/^(?:\xef\xbb\xbf)+/, '')
    .replace(/^(?:\xff\xfe|\xfe\xff)/, '')
    .replaceAll('\0', '')
    .trimStart()
  if (/^[[{]/.test(plain)) return 'json'
  return /^<(?:!doctype html|html|head|body|table|meta|!--)/i.test(plain) ? 'html' : 'csv'
}

/** For a workbook, whose format is not read. */
export function workbook(what: string): UnreadableFile {
  return new UnreadableFile(`${what}: ${saveAs}`, { isBinary: true })
}
