/** A name in one spelling: white space of any kind and length becomes one space; Unicode is composed (NFC). */
export function normalizeName(name: string): string {
  return name.normalize('NFC').replace(/\s+/g, ' ').trim()
}

/** A column's name without case, spaces and signs: `IMDb ID`, `imdb_id` and `imdbID` are one. */
export function columnKey(name: string): string {
  const plain = name.normalize('NFKC').toLowerCase().replaceAll('ё', 'е')
  return plain.replace(/[^\p{L}\p{N}]/gu, '')
}
