import { instant } from './times.ts'

/** What is wrong with a row: it is reported, and the other rows go on. */
export class RowFault extends Error {}

/** As they are, and with the white space that everybody else writes. */
export function titlesOf(...titles: string[]): string[] {
  const normalize = (title: string) => title.normalize('NFC').replace(/\s+/g, ' ')
  // Of characters, as the database counts: half of one would be another title.
  const cut = (title: string) => (title.length > 500 ? [...title].slice(0, 500).join('') : title)
  const all = titles.flatMap((title) => [title, normalize(title)]).map((title) => cut(title.trim()))
  return [...new Set(all)].filter((title) => title !== '')
}

export function readId(text: string, column: string): number | null {
  const clean = text.trim()
  if (clean === '') return null
  const id = /^\d{1,10}$/.test(clean) ? Number(clean) : 0
  return id >= 1 && id <= 2_147_483_647 ? id : fault(`${column} must be the id of a film`)
}

export function readImdbId(text: string): string | null {
  const clean = text.trim().toLowerCase()
  if (clean === '') return null
  return /^tt\d{5,12}$/.test(clean) ? clean : fault('the IMDb id must look like tt0133093')
}

export function readYear(text: string): number | null {
  const clean = text.trim()
  return clean === '' ? null : /^\d{4}$/.test(clean) ? Number(clean) : fault('the year must have four digits')
}

/** A score in steps of 1 / `factor`, as 1…10. */
export function readScore(text: string, factor: 1 | 2): number {
  const clean = text.trim().replace(',', '.')
  const value = /^\d{1,2}(\.\d{1,2})?$/.test(clean) ? Number(clean) * factor : 0
  if (Number.isInteger(value) && value >= 1 && value <= 10) return value
  return fault(factor === 1 ? 'the rating must be a whole number from 1 to 10' : 'the rating must be from 0.5 to 5')
}

export function readInstant(text: string, column: string): string | null {
  return text.trim() === '' ? null : (instant(text) ?? fault(`${column} must be a time of the past, in ISO 8601`))
}

export function missing(column: string): never {
  return fault(`${column} is missing`)
}

function fault(message: string): never {
  throw new RowFault(message)
}
