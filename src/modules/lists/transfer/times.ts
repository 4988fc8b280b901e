import { beginsWithDay } from '../../../text/dates.ts'

// The offsets are those that PostgreSQL takes.
const form = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-](0\d|1[0-4]):[0-5]\d))?$/
const earliest = Date.parse('1900-01-01T00:00:00Z')

/** An ISO 8601 time of the past as it is, with all its digits; undefined for anything else. */
export function instant(text: string): string | undefined {
  const clean = text.trim()
  if (!form.test(clean) || !isPast(Date.parse(clean)) || !beginsWithDay(clean)) return undefined
  return clean.length === 10 ? `${clean}T00:00:00Z` : clean
}

/** A day of the past (`2023-12-30`, or `Sat Dec 30 00:00:00 2023` as IMDb once wrote), at midnight UTC; null otherwise. */
export function pastDay(text: string): string | null {
  const [, month, day, year] = /^\w{3} (\w{3}) +(\d{1,2}) [\d:]{8} (\d{4})$/.exec(text.trim()) ?? []
  const date = month ? new Date(`${day} ${month} ${year} UTC`) : new Date(instant(text) ?? '')
  return isPast(date.getTime()) ? date.toISOString() : null
}

// A minute for clocks that differ.
function isPast(time: number): boolean {
  return time >= earliest && time <= Date.now() + 60_000
}
