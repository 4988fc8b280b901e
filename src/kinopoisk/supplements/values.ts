import { htmlToText } from '../../text/html.ts'
import { isWebUrl } from '../../text/web-url.ts'
import { type Loose, text } from '../normalise.ts'

/** An address on the web, or null. */
export function address(value: Loose): string | null {
  const url = text(value)
  return url !== null && isWebUrl(url) ? url : null
}

/** A picture that is not the one that stands for none. */
export function picture(value: Loose): string | null {
  const url = address(value)
  return url === null || /\/no-poster\b/.test(url) ? null : url
}

/** A calendar day: `2016-07-15`; null for one with unknown parts, such as `1965-00-00`. */
export function day(value: Loose): string | null {
  const [date] = /^\d{4}-\d\d-\d\d/.exec(text(value) ?? '') ?? []
  if (date === undefined) return null
  const parsed = new Date(`${date}T00:00:00Z`)
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(date) ? date : null
}

/** Facts and reviews are HTML. */
export function plainText(value: Loose): string | null {
  return text(htmlToText(String(value ?? '')))
}
