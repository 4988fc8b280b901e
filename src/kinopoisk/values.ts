import { decodeHTMLStrict } from 'entities/decode'
import { maxMinutes } from '../db/schema/films.ts'
import { readFilmReference } from '../text/film-reference.ts'
import { oneLine } from '../text/names.ts'
import { toVisible } from '../text/search-key.ts'
import { isWebUrl } from '../text/web-url.ts'

/** As upstream may send a text or a number. */
export type Loose = string | number | null | undefined

/** The rating of a film to come, in a search, is the share of users that await it: "98%". */
export function isExpectation(rating: Loose): boolean {
  return String(rating ?? '')
    .trim()
    .endsWith('%')
}

/**
 * '', 'null', NUL and lone surrogates are upstream's or come from a broken transfer; no-break spaces become spaces.
 * Entities of HTML are decoded once: `&amp;lt;` is meant to be read as `&lt;`.
 */
export function text(value: Loose): string | null {
  const sent = String(value ?? '')
  const clean = (sent.includes('&') ? decodeHTMLStrict(sent) : sent)
    .toWellFormed()
    .replaceAll('\0', '')
    .replaceAll('\u00a0', ' ')
    .trim()
  return clean === '' || clean === 'null' ? null : clean
}

export function name(value: Loose): string | null {
  return line(value, 500)
}

/** As long as the column of a director's takes. */
export function personName(value: Loose): string | null {
  return line(value, 200)
}

export function texts(values: Loose[] | undefined): string[] {
  return [...new Set((values ?? []).map((value) => line(value, 100)).filter((value) => value !== null))]
}

// What a usual name has none of: of these there are many, and the test is the cheapest.
const unusual = /[\p{Cc}\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]|\s{2}|[^\S ]/u

/** One line of the length that its column takes; the cut leaves neither half a character nor a space at the end. */
function line(value: Loose, maxLength: number): string | null {
  const sent = text(value)
  if (sent === null || (sent.length <= maxLength && !unusual.test(sent))) return sent
  const cut = oneLine(sent)
    .slice(0, maxLength)
    .replace(/[\ud800-\udbff]$/, '')
  return cut.trimEnd() || null
}

/** An address on the web, or null: a page of ours may show it. */
export function address(value: Loose): string | null {
  const url = text(value)
  return url !== null && isWebUrl(url) ? url : null
}

const placeholder = /\/(no[-_]?(poster|photo|image|picture|cover)([_-][\w-]*)?|none|placeholder|default)\.\w+([?#]|$)/i

/** A picture that is of the film. */
export function poster(value: Loose): string | null {
  const url = address(value)
  return url !== null && placeholder.test(url) ? null : url
}

export function number(value: Loose): number | null {
  const clean = text(text(value)?.replace(/%$/, ''))
  const parsed = clean === null ? Number.NaN : Number(clean)
  return Number.isFinite(parsed) ? parsed : null
}

const usualImdbId = /^tt(\d{7}|[1-9]\d{7,9})$/

/** As IMDb spells its ids, out of addresses and shorter forms; anything else as it is. */
export function imdbId(value: Loose): string | null {
  const sent = text(value)
  if (sent === null || usualImdbId.test(sent)) return sent
  const full = toVisible(sent).replace(/\btt(\d{1,6})\b/i, (_, digits: string) => `tt${digits.padStart(7, '0')}`)
  const reference = readFilmReference(full)
  return reference && 'imdbId' in reference ? reference.imdbId : sent
}

export function between(value: number | null, min: number, max: number): number | null {
  return value !== null && value >= min && value <= max ? value : null
}

export function rating(value: Loose): number | null {
  return isExpectation(value) ? null : between(number(value), 0, 10)
}

export function percent(value: Loose): number | null {
  return between(number(value), 0, 100)
}

export function count(value: Loose): number | null {
  const whole = between(number(value), 0, 2_147_483_647)
  return whole === null ? null : Math.trunc(whole)
}

/** 1999, "1999", "2018-...", "1957-1959" → the first four digits. */
export function year(value: Loose): number | null {
  return between(number(/^\d{4}/.exec(text(value) ?? '')?.[0]), 1800, 2200)
}

/** 136, "136", "02:16" and "2:17" → minutes. */
export function minutes(value: Loose): number | null {
  const total = lengthOf(value)
  return total === null || !Number.isInteger(total) ? null : between(total, 1, maxMinutes)
}

/** True for a length that is a number, and no film's. */
export function isOverlong(value: Loose): boolean {
  return (lengthOf(value) ?? 0) > maxMinutes
}

function lengthOf(value: Loose): number | null {
  const [, hours, rest] = /^(\d{1,3}):(\d{2})$/.exec(text(value) ?? '') ?? []
  return hours === undefined ? number(value) : Number(hours) * 60 + Number(rest)
}

/** "age18" → 18. */
export function ageLimit(value: Loose): number | null {
  return between(number(/\d+/.exec(text(value) ?? '')?.[0]), 0, 99)
}

export function flag(value: boolean | null | undefined): boolean | null {
  return value ?? null
}

export function moment(value: Loose): string | null {
  const clean = text(value)
  if (clean === null) return null
  const date = new Date(/[zZ]|[+-]\d\d:?\d\d$/.test(clean) ? clean : `${clean}Z`)
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}
