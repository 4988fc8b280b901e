import { isIP } from 'node:net'
import { type CountryCode, isSupportedCountry } from 'libphonenumber-js/max'
import { readPostgresUrl } from '../text/postgres-url.ts'

/** Reads a variable's text; throws an error that says what was expected. An empty variable counts as absent. */
export type Reader<T> = (text: string | undefined) => T

export function optional<T>(reader: (text: string) => T): Reader<T | undefined> {
  return (value) => (value === undefined ? undefined : reader(value))
}

export function sized(min: number, max: number): (value: string) => string {
  return (value) => {
    const { length } = [...value]
    return length >= min && length <= max ? value : fail(`must be ${min} to ${max} characters long`)
  }
}

export function text(fallback: string): Reader<string> {
  return (value = fallback) => value
}

export function integer(fallback: number, min: number, max: number): Reader<number> {
  return (value = String(fallback)) => {
    const number = /^-?\d+$/.test(value) ? Number(value) : Number.NaN
    if (!(number >= min && number <= max)) fail(`must be an integer from ${min} to ${max}`)
    return number
  }
}

export function flag(fallback: boolean): Reader<boolean> {
  return (value = String(fallback)) => {
    if (value !== 'true' && value !== 'false') fail('must be true or false')
    return value === 'true'
  }
}

export function oneOf<T extends string>(fallback: T, allowed: readonly T[]): Reader<T> {
  return (value = fallback) => allowed.find((item) => item === value) ?? fail(`must be one of ${allowed.join(', ')}`)
}

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** In milliseconds. */
export function duration(fallback: string, min: string, max: string): Reader<number> {
  return (value = fallback) => {
    const ms = milliseconds(value)
    if (ms >= milliseconds(min) && ms <= milliseconds(max)) return ms
    fail(`must be a duration such as 500ms, 5s, 15m, 12h or 30d, from ${min} to ${max}`)
  }
}

function milliseconds(text: string): number {
  const [, amount, unit] = /^(\d{1,6})(ms|s|m|h|d)$/.exec(text) ?? []
  return Number(amount) * unitMs[unit as keyof typeof unitMs]
}

export function postgresUrl(value: string): string {
  if (readPostgresUrl(value)) return value
  fail('must be postgres://user:password@host:port/database, with special characters percent-encoded')
}

/** The SDK prints a DSN that it can't read, so it must not see such a one. */
export function isSentryDsn(value: string): boolean {
  return /^https?:\/\/[^@/\s]+@[^@/\s]+\/(?:[^\s]*\/)?\d+$/.test(value) && URL.canParse(value)
}

export function sentryDsn(value: string): string {
  return isSentryDsn(value) ? value : fail('must be the DSN of a Sentry project: https://key@host/number')
}

export function httpUrl(fallback: string): Reader<string> {
  return (value = fallback) => {
    if (!/^https?:$/.test(URL.parse(value)?.protocol ?? '')) fail('must be an http:// or https:// URL')
    return value.replace(/\/+$/, '')
  }
}

export function secrets(value: string): string[] {
  const list = value.split(',').map((secret) => secret.trim())
  if (list.some((secret) => Buffer.byteLength(secret) < 32))
    fail('must be at least 32 bytes (each of a comma-separated list)')
  return list
}

export function headerValue(value: string): string {
  return /^[\x21-\x7e]+$/.test(value) ? value : fail('must be printable ASCII without spaces')
}

export function region(fallback: CountryCode): Reader<CountryCode> {
  return (value: string = fallback) =>
    isSupportedCountry(value) ? value : fail('must be a two-letter country code such as UA')
}

/** A name of the IANA's. Node and PostgreSQL read the sign of an offset differently. */
export function timeZone(fallback: string): Reader<string> {
  return (value = fallback) => {
    const expected = `must be a time zone name such as Europe/Moscow${offsetAdvice(value)}`
    if (/^[+-]/.test(value)) fail(expected)
    try {
      return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone
    } catch {
      fail(expected)
    }
  }
}

/** What was meant by an offset such as +03:00, GMT+3 or UTC-5. There are such names for whole hours only. */
function offsetAdvice(value: string): string {
  const [, sign, hours = '', minutes = '00'] = /^(?:GMT|UTC|Z)?([+-])(\d{1,2})(?::?(\d\d))?$/i.exec(value) ?? []
  if (!sign) return ''
  const hour = Number(hours)
  if (minutes !== '00' || hour > (sign === '+' ? 14 : 12)) return ', not an offset'
  // Their sign is that of POSIX: behind UTC is positive.
  const name = hour === 0 ? 'UTC' : `Etc/GMT${sign === '+' ? '-' : '+'}${hour}`
  return `, not an offset; this one is written ${name}`
}

/** As RFC 9116 has it: a URI. */
export function securityContact(value: string): string {
  if (/^(mailto:[^\s@]+@[^\s@]+|https:\/\/\S+)$/.test(value) && URL.canParse(value)) return value
  fail('must be mailto:security@films.example or an https:// address')
}

export function origins(value: string | undefined): '*' | string[] {
  if (value === '*') return '*'
  const list = value?.split(',').map((origin) => origin.trim()) ?? []
  if (list.some((origin) => URL.parse(origin)?.origin !== origin)) {
    fail('must be * or comma-separated origins such as https://films.example')
  }
  return list
}

const hostForm = /^\.?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/

/** Names, not addresses; with a leading dot all names below. */
export function hostNames(value: string | undefined): string[] {
  const list = value?.split(',').map((host) => host.trim().toLowerCase()) ?? []
  if (list.every((host) => hostForm.test(host))) return list
  fail('must be comma-separated host names such as pictures.example.org, or .example.org for all names below')
}

/** `true`, or the proxies' addresses: a count of hops alone can be forged by a client that connects directly. */
export function trustProxy(value: string | undefined): boolean | string {
  if (value === undefined || value === 'false') return false
  if (value === 'true') return true
  return value.split(',').every((item) => isProxy(item.trim()))
    ? value
    : fail('must be true, false or the addresses of the proxies or of their networks')
}

function isProxy(item: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(item)) return true
  const [, address = '', bits = '1'] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(item) ?? []
  const maxBits = { 0: 0, 4: 32, 6: 128 }[isIP(address)] ?? 0
  return Number(bits) >= 1 && Number(bits) <= maxBits
}

function fail(expected: string): never {
  throw new Error(expected)
}
