import { readTime } from '../../../text/dates.ts'

const earliest = Date.parse('1900-01-01T00:00:00Z')

/** A time of the past in ISO 8601, with all its digits; undefined for anything else. */
export function pastTime(text: string): string | undefined {
  const time = readTime(text)
  return time !== undefined && isPast(Date.parse(time)) ? time : undefined
}

// A minute for clocks that differ; a day without its hour may already have begun elsewhere.
function isPast(time: number): boolean {
  return time >= earliest && time <= Date.now() + 60_000
}
