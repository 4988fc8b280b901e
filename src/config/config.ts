import { readFileSync } from 'node:fs'
import { misspelt } from './known-names.ts'
import {
  duration,
  flag,
  headerValue,
  hostNames,
  httpUrl,
  integer,
  oneOf,
  optional,
  origins,
  postgresUrl,
  type Reader,
  region,
  secrets,
  securityContact,
  sentryDsn,
  sized,
  text,
  timeZone,
  trustProxy,
} from './readers.ts'

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

/**
 * The environment as a typed value. `warn` gets a line for each variable that looks like a misspelt one of ours.
 * @throws {ConfigError} naming every variable that is wrong or missing
 */
export function loadConfig(env: Record<string, string | undefined>, warn: (line: string) => void = () => {}) {
  const faults: string[] = []
  const known: string[] = []
  const isSet = (name: string) => Boolean(env[name]?.trim())
  const read = <T>(name: string, reader: Reader<T>, value = env[name]?.trim()): T => {
    known.push(name)
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
    drainDelayMs: read('DRAIN_DELAY', duration('1s', '0s', '5s')),
    dataDir: read('DATA_DIR', text('.data')),
    cacheBytes: read('MEMORY_CACHE_MB', integer(40, 0, 65_536)) * 1024 * 1024,
    databaseUrl: read('DATABASE_URL', optional(postgresUrl)),
    databaseDirectUrl: read('DATABASE_DIRECT_URL', optional(postgresUrl)),
    databaseReadUrl: read('DATABASE_READ_URL', optional(postgresUrl)),
    prepare: read('DB_PREPARE', oneOf('auto', ['auto', 'true', 'false'] as const)),
    acceptsNewer: read('DATABASE_ACCEPT_NEWER', flag(false)),
    // The positions of the primary that it is measured by come four times a second.
    readLagMs: read('READ_LAG', duration('1s', '500ms', '1m')),
    jwtSecrets: read('JWT_SECRET', optional(secrets)),
    accessTtlMs: read('ACCESS_TTL', duration('15m', '1s', '30d')),
    refreshTtlMs: read('REFRESH_TTL', duration('30d', '1m', '400d')),
    phoneRegion: read('DEFAULT_PHONE_REGION', region('UA')),
    kinopoisk: {
      url: read('KINOPOISK_URL', httpUrl('https://kinopoiskapiunofficial.tech')),
      apiKey: read('KINOPOISK_API_KEY', optional(headerValue)),
      dailyQuota: read('KINOPOISK_DAILY_QUOTA', optional(integer(500, -1, 100_000_000))),
      resetTz: read('KINOPOISK_QUOTA_RESET_TZ', timeZone('Europe/Moscow')),
      ...callTimes(read),
      compatible: read('KINOPOISK_COMPATIBLE', flag(false)),
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
    pictures: {
      maxBytes: read('PICTURES_MB', integer(1024, 0, 1_000_000)) * 1024 * 1024,
      hosts: read('PICTURE_HOSTS', hostNames),
    },
    admin: {
      login: read('ADMIN_LOGIN', optional(sized(3, 254))),
      // Not trimmed, as no password is: spaces at its ends belong to it.
      password: read('ADMIN_PASSWORD', optional(sized(8, 128)), env.ADMIN_PASSWORD),
    },
    demoCatalogue: read('DEMO_CATALOGUE', optional(flag(true))),
    publicCatalogue: read('PUBLIC_CATALOGUE', flag(false)),
    web: read('WEB', flag(true)),
    corsOrigins: read('CORS_ORIGINS', origins),
    trustProxy: read('TRUST_PROXY', trustProxy),
    securityContact: read('SECURITY_CONTACT', optional(securityContact)),
    metricsToken: read('METRICS_TOKEN', optional(headerValue)),
    sentryDsn: read('SENTRY_DSN', optional(sentryDsn)),
    logLevel: read('LOG_LEVEL', oneOf('info', ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])),
  }
  faults.push(...crossFaults(config, isSet))
  if (faults.length > 0) throw new ConfigError(faults)
  misspelt(Object.keys(env), known).forEach(warn)
  if (isSet('DATABASE_READ_URL') && !isSet('DATABASE_URL'))
    warn('DATABASE_READ_URL has no effect without DATABASE_URL: the embedded database has no standbys')
  return config
}

/** A call must not end before its caller stops waiting. */
function callTimes(read: (name: string, reader: Reader<number>) => number) {
  const timeoutMs = read('KINOPOISK_TIMEOUT', duration('5s', '100ms', '10m'))
  const patience = timeoutMs > 30_000 ? `${timeoutMs}ms` : '30s'
  return { timeoutMs, patienceMs: read('KINOPOISK_PATIENCE', duration(patience, '100ms', '10m')) }
}

/** By what is set rather than by what was read: a value that is wrong is one fault, not also a missing one. */
function crossFaults(
  {
    databaseUrl,
    demoCatalogue,
    kinopoisk: { timeoutMs, patienceMs },
  }: {
    databaseUrl: string | undefined
    demoCatalogue: boolean | undefined
    kinopoisk: { timeoutMs: number; patienceMs: number }
  },
  isSet: (name: string) => boolean,
): string[] {
  const faults: string[] = []
  if (databaseUrl && !isSet('JWT_SECRET')) faults.push('JWT_SECRET is required with DATABASE_URL')
  if (isSet('DATABASE_DIRECT_URL') && !isSet('DATABASE_URL')) faults.push('DATABASE_DIRECT_URL needs DATABASE_URL')
  if (databaseUrl && demoCatalogue)
    faults.push('DEMO_CATALOGUE must not be true with DATABASE_URL: it is for the embedded database only')
  if (isSet('KINOPOISK_API_KEY') && demoCatalogue)
    faults.push('DEMO_CATALOGUE must not be true with KINOPOISK_API_KEY: its films are of the sandbox')
  if (patienceMs < timeoutMs) faults.push('KINOPOISK_PATIENCE must not be shorter than KINOPOISK_TIMEOUT')
  if (isSet('ADMIN_LOGIN') !== isSet('ADMIN_PASSWORD')) faults.push('ADMIN_LOGIN and ADMIN_PASSWORD go together')
  const s3 = ['S3_ENDPOINT', 'S3_REGION', 'S3_BUCKET', 'S3_ACCESS_KEY_ID', 'S3_SECRET_ACCESS_KEY'].map(isSet)
  if (s3.includes(true) && s3.includes(false))
    faults.push('S3_ENDPOINT, S3_REGION, S3_BUCKET, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY are set all five or none')
  return faults
}
