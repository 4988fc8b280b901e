import { readFilmReference } from '../../../text/film-reference.ts'
import { plainCell, readDecimal, readInteger, readYear } from '../../../text/numbers.ts'
import { toVisible } from '../../../text/search-key.ts'

/** What is wrong with a row: it is reported, and the other rows go on. */
export class RowFault extends Error {
  readonly column: string | undefined
  readonly cell: string | undefined

  constructor(message: string, column?: string, cell?: string) {
    super(message)
    this.column = column
    this.cell = cell
  }
}

const entities: Record<string, string> = { amp: '&', quot: '"', apos: "'", '#39': "'", lt: '<', gt: '>', nbsp: ' ' }
// Letters, digits, signs and single spaces that there is one way to write.
const simple = /^[a-z0-9а-яёіїєґ,.:!?()]+(?: [a-z0-9а-яёіїєґ,.:!?()]+)*$/i

export function titlesOf(...titles: string[]): string[] {
  // Of characters, as the database counts: half of one would be another title.
  const cut = (title: string) => (title.length > 500 ? [...title].slice(0, 500).join('') : title)
  const all = titles.map((title) => cut(title.trim()))
  return [...new Set(all)].filter((title) => title !== '')
}

/**
 * A title as it is, and in the spellings that keyboards, pages and spreadsheets make of the same title: with single white
 * space, without invisible characters, with plain or typographic quotes, apostrophes and dashes.
 */
export function spellingsOf(title: string): string[] {
  if (simple.test(title)) return [title]
  const decoded = title.replace(/&(#39|[a-z]+);/g, (entity, name: string) => entities[name] ?? entity)
  const visible = toVisible(decoded)
  const narrow = visible.replace(/[\uff01-\uff5e]/g, (sign) => sign.normalize('NFKC'))
  const plain = narrow
    .replace(/[«»“”„‟]/g, '"')
    .replace(/[‘’ʼ`´]/g, "'")
    .replace(/[‐‑–—−]/g, '-')
  const quoted = plain.includes('"') ? [plain, pairUp(plain, '«', '»'), pairUp(plain, '“', '”')] : [plain]
  const marked = plain.includes("'") ? quoted.flatMap((each) => [each, each.replaceAll("'", '’')]) : quoted
  const dashed = plain.includes(' - ')
    ? marked.flatMap((each) => [each, each.replaceAll(' - ', ' — '), each.replaceAll(' - ', ' – ')])
    : marked
  return [...new Set([title, visible, narrow, ...dashed])].filter((each) => each !== '')
}

function pairUp(text: string, open: string, close: string): string {
  let isOpen = false
  return text.replaceAll('"', () => {
    isOpen = !isOpen
    return isOpen ? open : close
  })
}

export function readId(cell: string, column: string): number | null {
  if (cell.trim() === '') return null
  const named = readFilmReference(cell)
  const id = readInteger(cell) ?? (named && 'kinopoiskId' in named ? named.kinopoiskId : 0)
  return id >= 1 && id <= 2_147_483_647 ? id : fault(column, 'must be the id of a film', cell)
}

/** In IMDb's own spelling; leading zeros, which spreadsheets take away, are put back. */
export function readImdbId(cell: string, column: string): string | null {
  const clean = plainCell(cell).toLowerCase()
  if (clean === '') return null
  const digits =
    /^(?:tt)?(\d{1,10})(?:\.0)?$/.exec(clean)?.[1] ?? /^[^\s]*\btt(\d{5,10})(?:[/?#][^\s]*)?$/.exec(clean)?.[1]
  if (digits === undefined || Number(digits) === 0) return fault(column, 'must be an IMDb id such as tt0133093', cell)
  return `tt${String(Number(digits)).padStart(7, '0')}`
}

export function readFilmYear(cell: string, column: string): number | null {
  if (cell.trim() === '') return null
  const year = readYear(cell)
  return year !== undefined && year >= 1800 && year <= 2200
    ? year
    : fault(column, 'must be a year of four digits', cell)
}

/** A score of up to `scale`, as 1…10. `9/10` says its scale itself, and so do stars. */
export function readScore(cell: string, scale: 5 | 10, column: string): number {
  const clean = plainCell(cell)
  const [, number, own] = /^(.+?)\s?(?:\/|из|з|of)\s?(5|10)$/.exec(clean) ?? [undefined, clean, String(scale)]
  const stars = /^(★{0,5})(½?)$/.exec(cell.trim())
  const isStars = stars !== null && cell.trim() !== ''
  const value = isStars
    ? (stars[1]?.length ?? 0) * 2 + (stars[2] ? 1 : 0)
    : (readDecimal(number ?? '') ?? 0) * (10 / Number(own))
  if (Number.isInteger(value) && value >= 1 && value <= 10) return value
  const allowed = scale === 5 ? 'in half stars from 0.5 to 5' : 'a whole number from 1 to 10'
  return fault(column, `must be ${allowed}`, cell)
}

export function quoted(cell: string): string {
  return JSON.stringify(cell.length > 50 ? `${cell.slice(0, 50)}…` : cell)
}

function fault(column: string, must: string, cell: string): never {
  throw new RowFault(`${column} ${must}, not ${quoted(cell)}`, column, cell)
}
