import { withoutTags } from '../../text/html.ts'
import { type Loose, text } from '../values.ts'

/** A calendar day: `2016-07-15`; null for one with unknown parts, such as `1965-00-00`. */
export function day(value: Loose): string | null {
  const [date] = /^\d{4}-\d\d-\d\d/.exec(text(value) ?? '') ?? []
  if (date === undefined) return null
  const parsed = new Date(`${date}T00:00:00Z`)
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(date) ? date : null
}

/** Facts and reviews are HTML: without its tags, with entities decoded once. */
export function plainText(value: Loose): string | null {
  return text(withoutTags(String(value ?? '')))
}
