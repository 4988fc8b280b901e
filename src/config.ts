import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { type CountryCode, isSupportedCountry } from 'libphonenumber-js/max'

export type Config = ReturnType<typeof loadConfig>

/**
 * The process environment, on top of the `.env` file of the working directory where there is one.
 * @throws {ConfigError} when there is one that can't be read
 */
export function readEnvironment(): NodeJS.ProcessEnv {
  try {
    readFileSync('.env') // Node takes a file that it may not read for one that isn't there.
    process.loadEnvFile()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') throw new ConfigError([`.env cannot be read (${code})`])
  }
  return process.env
}

/** All faults of the environment in one message; never a value, so never a secret. */
export class ConfigError extends Error {
  readonly faults: string[]
  constructor(faults: string[]) {
    super(`The configuration is wrong:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`)
    this.name = 'ConfigError'
    this.faults = faults
  }
}

/** Reads a variable's text; throws an error that says what was expected. An empty variable counts as absent. */
type Reader<T> = (text: string | undefined) => T

/**
 * The environment as a typed value.
 * @throws {ConfigError} naming every variable that is wrong or missing
 */
export function loadConfig(env: Record<string, string | undefined>) {
  const faults: string[] = []
  const isSet = (name: string) => Boolean(env[name]?.trim())
  const read = <T>(name: string, reader: Reader<T>, value = env[name]?.trim()): T => {
    try {
      return reader(isSet(name) ? value : undefined)
    } catch (error) {
      faults.push(`${name} ${(error as Error).message}`)
      return undefined as T
    }
  }
  const config = {
    host: read('HOST', text('127.0.0.1')),
    port: read('PORT', integer(3000, 0, 65_535)),
    dataDir: read('DATA_DIR', text('.data')),
    databaseUrl: read('DATABASE_URL', optional(postgresUrl)),
    databaseReadUrl: read('DATABASE_READ_URL', optional(postgresUrl)),
    jwtSecrets: read('JWT_SECRET', optional(secrets)),
    accessTtlMs: read('ACCESS_TTL', duration('15m', '1s', '30d')),
    refreshTtlMs: read('REFRESH_TTL', duration('30d', '1m', '400d')),
    phoneRegion: read('DEFAULT_PHONE_REGION', region('UA')),
    kinopoisk: {
      url: read('KINOPOISK_URL', httpUrl('https://kinopoiskapiunofficial.tech')),
      apiKey: read('KINOPOISK_API_KEY', optional(headerValue)),
      dailyQuota: read('KINOPOISK_DAILY_QUOTA', integer(500, -1, 100_000_000)),
      resetTz: read('KINOPOISK_QUOTA_RESET_TZ', timeZone('Europe/Moscow')),
      timeoutMs: read('KINOPOISK_TIMEOUT', duration('5s', '100ms', '10m')),
    },
    s3: {
      endpoint: read('S3_ENDPOINT', optional(httpUrl(''))),
      region: read('S3_REGION', optional(text(''))),
      bucket: read('S3_BUCKET', optional(text(''))),
      accessKeyId: read('S3_ACCESS_KEY_ID', optional(text(''))),
      secretAccessKey: read('S3_SECRET_ACCESS_KEY', optional(text(''))),
    },
    s3Options: {
      publicEndpoint: read('S3_PUBLIC_ENDPOINT', optional(httpUrl(''))),
      forcePathStyle: read('S3_FORCE_PATH_STYLE', optional(flag(false))),
      checksums: read('S3_CHECKSUMS', oneOf('when_supported', ['when_supported', 'when_required'] as const)),
      timeoutMs: read('S3_TIMEOUT', duration('10s', '100ms', '10m')),
    },
    admin: {
      login: read('ADMIN_LOGIN', optional(sized(3, 254))),
      // Not trimmed, as no password is: spaces at its ends belong to it.
      password: read('ADMIN_PASSWORD', optional(sized(8, 128)), env.ADMIN_PASSWORD),
    },
    demoCatalogue: read('DEMO_CATALOGUE', optional(flag(true))),
    publicCatalogue: read('PUBLIC_CATALOGUE', flag(false)),
    corsOrigins: read('CORS_ORIGINS', origins),
    trustProxy: read('TRUST_PROXY', trustProxy),
    metricsToken: read('METRICS_TOKEN', optional(headerValue)),
    sentryDsn: read('SENTRY_DSN', optional(sentryDsn)),
    logLevel: read('LOG_LEVEL', oneOf('info', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])),
  }
  faults.push(...crossFaults(config, isSet))
  if (faults.length > 0) throw new ConfigError(faults)
  return config
}

/** By what is set rather than by what was read: a value that is wrong is one fault, not also a missing one. */
function crossFaults(
  { databaseUrl, demoCatalogue }: { databaseUrl: string | undefined; demoCatalogue: boolean | undefined },
  isSet: (name: string) => boolean,
): string[] {
  const faults: string[] = []
  if (databaseUrl && !isSet('JWT_SECRET')) faults.push('JWT_SECRET is required with DATABASE_URL')
  if (databaseUrl && demoCatalogue)
    faults.push('DEMO_CATALOGUE must not be true with DATABASE_URL: it is for the embedded database only')
  if (isSet('ADMIN_LOGIN') !== isSet('ADMIN_PASSWORD')) faults.push('ADMIN_LOGIN and ADMIN_PASSWORD go together')
  const s3 = ['S3_ENDPOINT', 'S3_REGION', 'S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'].map(isSet)
  if (s3.includes(true) && s3.includes(false))
    faults.push('S3_ENDPOINT, S3_REGION, S3_BUCKET, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY are set all five or none')
  return faults
}

function optional<T>(reader: (text: string) => T): Reader<T | undefined> {
  return (value) => (value === undefined ? undefined : reader(value))
}

function sized(min: number, max: number): (value: string) => string {
  return (value) => {
    const { length } = [...value]
    return length >= min && length <= max ? value : fail(`must be ${min} to ${max} characters long`)
  }
}

function text(fallback: string): Reader<string> {
  return (value = fallback) => value
}

function integer(fallback: number, min: number, max: number): Reader<number> {
  return (value = String(fallback)) => {
    const number = /^-?\d+$/.test(value) ? Number(value) : Number.NaN
    if (!(number >= min && number <= max)) fail(`must be an integer from ${min} to ${max}`)
    return number
  }
}

function flag(fallback: boolean): Reader<boolean> {
  return (value = String(fallback)) => {
    if (value !== 'true' && value !== 'false') fail('must be true or false')
    return value === 'true'
  }
}

function oneOf<T extends string>(fallback: T, allowed: readonly T[]): Reader<T> {
  return (value = fallback) => allowed.find((item) => item === value) ?? fail(`must be one of ${allowed.join(', ')}`)
}

const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** In milliseconds. */
function duration(fallback: string, min: string, max: string): Reader<number> {
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

function postgresUrl(value: string): string {
  // Several hosts (postgres://u@a,b/db) are no URL for WHATWG: each is checked on its own.
  const [, start = '', hosts = '', end = ''] =
    /^(postgres(?:ql)?:\/\/(?:[^/\s]*@)?)([^@/\s]*)(\/[^\s]+)$/.exec(value) ?? []
  const urls = hosts.split(',').map((host) => URL.parse(`${start}${host}${end}`))
  if (!urls.every((url) => url && isDecodable(url.username + url.password))) {
    fail('must be postgres://user:password@host:port/database, with special characters percent-encoded')
  }
  return value
}

function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text) !== undefined
  } catch {
    return false
  }
}

/** The SDK prints a DSN that it can't read, so it must not see such a one. */
export function isSentryDsn(value: string): boolean {
  return /^https?:\/\/[^@/\s]+@[^@/\s]+\/(?:[^\s]*\/)?\d+$/.test(value) && URL.canParse(value)
}

function sentryDsn(value: string): string {
  return isSentryDsn(value) ? value : fail('must be the DSN of a Sentry project: https://key@host/number')
}

function httpUrl(fallback: string): Reader<string> {
  return (value = fallback) => {
    if (!/^https?:$/.test(URL.parse(value)?.protocol ?? '')) fail('must be an http:// or https:// URL')
    return value.replace(/\/+$/, '')
  }
}

function secrets(value: string): string[] {
  const list = value.split(',').map((secret) => secret.trim())
  if (list.some((secret) => Buffer.byteLength(secret) < 32))
    fail('must be at least 32 bytes (each of a comma-separated list)')
  return list
}

function headerValue(value: string): string {
  return /^[\x21-\x7e]+$/.test(value) ? value : fail('must be printable ASCII without spaces')
}

function region(fallback: CountryCode): Reader<CountryCode> {
  return (value: string = fallback) =>
    isSupportedCountry(value) ? value : fail('must be a two-letter country code such as UA')
}

function timeZone(fallback: string): Reader<string> {
  return (value = fallback) => {
    try {
      return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone
    } catch {
      fail('must be a time zone name such as Europe/Moscow')
    }
  }
}

function origins(value: string | undefined): '*' | string[] {
  if (value === '*') return '*'
  const list = value?.split(',').map((origin) => origin.trim()) ?? []
  if (list.some((origin) => URL.parse(origin)?.origin !== origin)) {
    fail('must be * or comma-separated origins such as https://films.example')
  }
  return list
}

/** `true`, or the proxies' addresses: a count of hops alone can be forged by a client that connects directly. */
function trustProxy(value: string | undefined): boolean | string {
  if (value === undefined || value === 'false') return false
  if (value === 'true') return true
  return value.split(',').every((item) => isProxy(item.trim()))
    ? value
    : fail('must be true, false or the addresses of the proxies or of their networks')
}

function isProxy(item: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(item)) return true
  const [, address = '', bits = '1'] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(item) ?? []
  const most = { 0: 0, 4: 32, 6: 128 }[isIP(address)] ?? 0
  return Number(bits) >= 1 && Number(bits) <= most
}

function fail(expected: string): never {
  throw new Error(expected)
}
