/** Encodings of text that files come in, as the Encoding Standard names them. */
export const charsets = [
  'utf-8',
  'utf-16le',
  'utf-16be',
  'windows-1251',
  'windows-1252',
  'koi8-r',
  'koi8-u',
  'ibm866',
  'x-mac-cyrillic',
] as const

export type Charset = (typeof charsets)[number]
