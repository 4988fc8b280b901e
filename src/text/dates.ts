const daysIn = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** Whether a text begins with YYYY-MM-DD and that is a day of the calendar: Date reads the 31st of February as a day of March. */
export function beginsWithDay(text: string): boolean {
  const [, year = 0, month = 0, day = 0] = (/^(\d{4})-(\d\d)-(\d\d)/.exec(text) ?? []).map(Number)
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  const days = (daysIn[month - 1] ?? 0) + (month === 2 && isLeap ? 1 : 0)
  return day >= 1 && day <= days
}

// The offsets are those that PostgreSQL takes.
const time = String.raw`(?<time>\d{1,2}:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)(?:\s?(?<half>[AaPp])\.?[Mm]\.?)?`
const zone = String.raw`(?:\s?(?<zone>Z|UTC|GMT|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?))?`
const behind = `(?:(?:T|,?\\s+)${time}${zone})?`
const forms = [
  // 2018-01-02, 2018/1/2 10:53, 2018-01-02T00:00:00.000Z
  String.raw`(?<year>\d{4})[-/.](?<month>\d{1,2})[-/.](?<day>\d{1,2})${behind}`,
  // 02.01.2018, 2.1.18 10:53: with points the day comes first, everywhere.
  String.raw`(?<day>\d{1,2})\.(?<month>\d{1,2})\.(?<year>\d{4}|\d\d)(?:\s?г\.?)?${behind}`,
  // 10:53:27 11.04.2016, as Kinopoisk writes it
  String.raw`${time},?\s+(?<day>\d{1,2})\.(?<month>\d{1,2})\.(?<year>\d{4})`,
  // 1/2/2018: of either order
  String.raw`(?<either>\d{1,2})[/-](?<other>\d{1,2})[/-](?<year>\d{4})${behind}`,
  // Fri Aug  3 00:00:00 2007, as IMDb wrote it once
  String.raw`\p{L}{3} (?<name>\p{L}{3}) +(?<day>\d{1,2}) ${time} (?<year>\d{4})`,
  // 2 Jan 2018, 2 января 2018 г., 02-Jan-2018
  String.raw`(?<day>\d{1,2})[\s-](?<name>\p{L}{3,})\.?[\s-](?<year>\d{4})(?:\s?(?:г|р|года|року)\.?)?${behind}`,
  // January 2, 2018
  String.raw`(?<name>\p{L}{3,})\.?\s(?<day>\d{1,2}),?\s(?<year>\d{4})${behind}`,
].map((form) => new RegExp(`^${form}$`, 'u'))
// As services and our own export write it: most of all.
const exact = /^\d{4}-\d\d-\d\d(?:T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?Z)?$/
const months = [
  'jan feb mar apr may jun jul aug sep oct nov dec',
  'янв фев мар апр мая июн июл авг сен окт ноя дек',
  'січ лют бер кві тра чер лип сер вер жов лис гру',
].map((names) => names.split(' '))

/**
 * A day or a time as services and spreadsheets write it, in ISO 8601, in UTC where it names no offset. Undefined where it
 * cannot be read, or in two ways: 1/2/2018.
 */
export function readTime(text: string): string | undefined {
  if (exact.test(text) && beginsWithDay(text)) return text.length === 10 ? `${text}T00:00:00Z` : text
  const clean = text.trim().replace(/\s+/g, ' ')
  for (const form of forms) {
    const groups = form.exec(clean)?.groups
    if (groups) return toIso(groups)
  }
  return undefined
}

type Groups = Partial<Record<string, string>>

function toIso(groups: Groups): string | undefined {
  const { year = '', zone = 'Z' } = groups
  const [day, month] = dayAndMonth(groups)
  const time = clock(groups)
  if (day === undefined || month === undefined || time === undefined) return undefined
  const date = `${fullYear(year)}-${pad(month)}-${pad(day)}`
  const offset = /^[+-]/.test(zone)
    ? zone.replace(/^(...):?(.*)/, (_, hours, minutes) => `${hours}:${minutes || '00'}`)
    : 'Z'
  return beginsWithDay(date) ? `${date}T${time}${offset}` : undefined
}

function dayAndMonth({ day, month, name, either, other }: Groups): (number | undefined)[] {
  if (name !== undefined) {
    const short = name.toLowerCase().slice(0, 3).replace('май', 'мая')
    const found = months.map((names) => names.indexOf(short)).find((index) => index >= 0)
    return [Number(day), found === undefined ? undefined : found + 1]
  }
  if (either === undefined || other === undefined) return [Number(day), Number(month)]
  const [a, b] = [Number(either), Number(other)]
  if (a === b || a > 12) return [a, b]
  return b > 12 ? [b, a] : []
}

function clock({ time = '0:00', half }: Groups): string | undefined {
  const [hours = '', minutes = '', seconds = '00'] = time.replace(',', '.').split(':')
  const hour = half === undefined ? Number(hours) : (Number(hours) % 12) + (/p/i.test(half) ? 12 : 0)
  if (hour > 23 || Number(minutes) > 59 || Number(seconds) >= 60 || (half && Number(hours) > 12)) return undefined
  // Six digits are what PostgreSQL keeps.
  return `${pad(hour)}:${minutes}:${seconds.replace(/(\.\d{6})\d+$/, '$1')}`
}

function fullYear(year: string): string {
  if (year.length === 4) return year
  const now = new Date().getUTCFullYear() % 100
  return `${Number(year) <= now ? '20' : '19'}${year}`
}

function pad(number: number): string {
  return String(number).padStart(2, '0')
}
