// Control characters, soft hyphens, zero-width spaces, marks of direction. Zero-width joiners are spelling inside of
// words of some scripts, and of emoji; at an end they are nothing.
const invisible =
  /[[\p{Cc}--\s]\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]|^[\u200b-\u200d]+|[\u200b-\u200d]+$/gv

/** One line with single spaces, without what shows nothing. */
export function oneLine(text: string): string {
  return text.replace(invisible, '').replace(/\s+/g, ' ').trim()
}

/** A name in one spelling: one line, Unicode composed (NFC). A name of nothing that shows stays as it is. */
export function normalizeName(name: string): string {
  return oneLine(name.normalize('NFC')) || name.trim()
}

/** A column's name without case, spaces and signs: `IMDb ID`, `imdb_id` and `imdbID` are one. */
export function columnKey(name: string): string {
  const plain = name.normalize('NFKC').toLowerCase().replaceAll('ё', 'е')
  return plain.replace(/[^\p{L}\p{N}]/gu, '')
}
