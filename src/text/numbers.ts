/** Without white space around, and with full-width digits and signs as plain ones. */
export function plainCell(cell: string): string {
  return cell
    .normalize('NFKC')
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .trim()
}

/** A whole number, also as a column of floats has it: `1999.0`. Undefined for anything else. */
export function readInteger(cell: string): number | undefined {
  const [, digits] = /^(\d{1,10})(?:[.,]0+)?$/.exec(plainCell(cell)) ?? []
  return digits === undefined ? undefined : Number(digits)
}

/** A number with a point or a comma. */
export function readDecimal(cell: string): number | undefined {
  const clean = plainCell(cell).replace(',', '.')
  return /^\d{1,10}(\.\d{1,10})?$/.test(clean) ? Number(clean) : undefined
}

// 2011–2019, 2011–, 2011 – ..., 2011-20, 1999-03-31, 1999-03-31T00:00:00Z, 1999 г.
const year = /^(\d{4})(?:[.,]0+)?(?:\s*[-–—−]\s*(?:\d{4}|\d\d|\.{3})?|-\d\d-\d\d(?:[T ].*)?|\s*(?:г|год|р|рік)\.?)?$/u
// 31.03.1999, 3/24/1999, 1999/03/31, 31 Mar 1999, March 31, 1999: whichever is the day, the year is the same.
const dayOfYear =
  /^(?:\d{1,2}[./-]\d{1,2}[./-](\d{4})|(\d{4})[./]\d{1,2}[./]\d{1,2}|(?:\d{1,2}\s)?\p{L}{3,9}\.?\s(?:\d{1,2},?\s)?(\d{4})(?:\sг\.?)?)$/u

/** A year; of a span its first one, of a day its own. */
export function readYear(cell: string): number | undefined {
  const clean = plainCell(cell)
  const digits = year.exec(clean)?.[1] ?? dayOfYear.exec(clean)?.slice(1).find(Boolean)
  return digits === undefined ? undefined : Number(digits)
}
