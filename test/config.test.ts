import { describe, expect, test } from 'vitest'
import { ConfigError, loadConfig } from '../src/config/config.ts'

const secret = 'x'.repeat(32)
const s3 = {
  S3_ENDPOINT: 'http://127.0.0.1:9000',
  S3_REGION: 'us-east-1',
  S3_BUCKET: 'photos',
  S3_ACCESS_KEY_ID: 'key',
  S3_SECRET_ACCESS_KEY: 'secret',
}

function faultsOf(env: Record<string, string>): string[] {
  try {
    loadConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
  return []
}

const allFive = 'S3_ENDPOINT, S3_REGION, S3_BUCKET, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY are set all five or none'

test('Without any variable the configuration is the documented one', () => {
  expect(loadConfig({})).toEqual({
    host: '127.0.0.1',
    port: 3000,
    drainDelayMs: 1000,
    dataDir: '.data',
    databaseUrl: undefined,
    databaseDirectUrl: undefined,
    databaseReadUrl: undefined,
    prepare: 'auto',
    acceptsNewer: false,
    readLagMs: 1000,
    jwtSecrets: undefined,
    accessTtlMs: 15 * 60_000,
    refreshTtlMs: 30 * 86_400_000,
    phoneRegion: 'UA',
    cacheBytes: 40 * 1024 * 1024,
    kinopoisk: {
      url: 'https://kinopoiskapiunofficial.tech',
      apiKey: undefined,
      dailyQuota: undefined,
      resetTz: 'Europe/Moscow',
      timeoutMs: 5000,
      patienceMs: 30_000,
      compatible: false,
    },
    s3: {
      endpoint: undefined,
      region: undefined,
      bucket: undefined,
      accessKeyId: undefined,
      secretAccessKey: undefined,
    },
    s3Options: {
      publicEndpoint: undefined,
      forcePathStyle: undefined,
      checksums: 'when_supported',
      timeoutMs: 10_000,
    },
    pictures: { hosts: [], maxBytes: 1_073_741_824 },
    admin: { login: undefined, password: undefined },
    demoCatalogue: undefined,
    publicCatalogue: false,
    web: true,
    corsOrigins: [],
    trustProxy: false,
    securityContact: undefined,
    metricsToken: undefined,
    sentryDsn: undefined,
    logLevel: 'info',
  })
})

test('An empty or blank variable counts as absent, and white space around a value is no part of it', () => {
  const names = ['PORT', 'JWT_SECRET', 'DATABASE_URL', 'TRUST_PROXY', 'CORS_ORIGINS', 'ADMIN_LOGIN', 'LOG_LEVEL']
  expect(loadConfig(Object.fromEntries(names.map((name) => [name, '  '])))).toEqual(loadConfig({}))
  expect(loadConfig({ PORT: ' 8080\n', LOG_LEVEL: ' warn ' })).toMatchObject({ port: 8080, logLevel: 'warn' })
})

describe('A good value is taken', () => {
  test.each([
    ['HOST', '0.0.0.0', { host: '0.0.0.0' }],
    ['PORT', '0', { port: 0 }],
    ['PORT', '65535', { port: 65_535 }],
    ['DATA_DIR', '/srv/films', { dataDir: '/srv/films' }],
    ['DB_PREPARE', 'false', { prepare: 'false' }],
    ['DATABASE_ACCEPT_NEWER', 'true', { acceptsNewer: true }],
    ['DATABASE_READ_URL', 'postgresql://u@replica/db', { databaseReadUrl: 'postgresql://u@replica/db' }],
    ['READ_LAG', '500ms', { readLagMs: 500 }],
    ['READ_LAG', '1m', { readLagMs: 60_000 }],
    ['JWT_SECRET', `${secret}, ${'y'.repeat(40)}`, { jwtSecrets: [secret, 'y'.repeat(40)] }],
    ['JWT_SECRET', 'ж'.repeat(16), { jwtSecrets: ['ж'.repeat(16)] }],
    ['ACCESS_TTL', '1000ms', { accessTtlMs: 1000 }],
    ['ACCESS_TTL', '30d', { accessTtlMs: 30 * 86_400_000 }],
    ['REFRESH_TTL', '1m', { refreshTtlMs: 60_000 }],
    ['REFRESH_TTL', '400d', { refreshTtlMs: 400 * 86_400_000 }],
    ['KINOPOISK_TIMEOUT', '100ms', { kinopoisk: { timeoutMs: 100, patienceMs: 30_000 } }],
    ['KINOPOISK_TIMEOUT', '10m', { kinopoisk: { timeoutMs: 600_000, patienceMs: 600_000 } }],
    ['KINOPOISK_PATIENCE', '5s', { kinopoisk: { patienceMs: 5000 } }],
    ['PICTURES_MB', '2', { pictures: { maxBytes: 2_097_152 } }],
    ['PICTURE_HOSTS', 'a.example, .B.example', { pictures: { hosts: ['a.example', '.b.example'] } }],
    ['S3_TIMEOUT', '10m', { s3Options: { timeoutMs: 600_000 } }],
    ['ACCESS_TTL', '90s', { accessTtlMs: 90_000 }],
    ['REFRESH_TTL', '12h', { refreshTtlMs: 43_200_000 }],
    ['DEFAULT_PHONE_REGION', 'DE', { phoneRegion: 'DE' }],
    ['KINOPOISK_URL', 'http://127.0.0.1:9/', { kinopoisk: { url: 'http://127.0.0.1:9' } }],
    ['KINOPOISK_API_KEY', 'a-key', { kinopoisk: { apiKey: 'a-key' } }],
    ['KINOPOISK_DAILY_QUOTA', '-1', { kinopoisk: { dailyQuota: -1 } }],
    ['KINOPOISK_DAILY_QUOTA', '0', { kinopoisk: { dailyQuota: 0 } }],
    ['KINOPOISK_QUOTA_RESET_TZ', 'UTC', { kinopoisk: { resetTz: 'UTC' } }],
    ['KINOPOISK_QUOTA_RESET_TZ', 'Asia/Tokyo', { kinopoisk: { resetTz: 'Asia/Tokyo' } }],
    ['KINOPOISK_QUOTA_RESET_TZ', 'etc/gmt-3', { kinopoisk: { resetTz: 'Etc/GMT-3' } }],
    ['DEMO_CATALOGUE', 'true', { demoCatalogue: true }],
    ['DEMO_CATALOGUE', 'false', { demoCatalogue: false }],
    ['PUBLIC_CATALOGUE', 'true', { publicCatalogue: true }],
    ['KINOPOISK_COMPATIBLE', 'true', { kinopoisk: { compatible: true } }],
    ['CORS_ORIGINS', '*', { corsOrigins: '*' }],
    [
      'CORS_ORIGINS',
      'http://a.example:8080, https://b.example',
      { corsOrigins: ['http://a.example:8080', 'https://b.example'] },
    ],
    ['TRUST_PROXY', 'true', { trustProxy: true }],
    ['TRUST_PROXY', 'false', { trustProxy: false }],
    ['TRUST_PROXY', 'loopback', { trustProxy: 'loopback' }],
    ['TRUST_PROXY', '10.0.0.0/8, ::1', { trustProxy: '10.0.0.0/8, ::1' }],
    ['TRUST_PROXY', '10.1.2.3/32, fd00::/128', { trustProxy: '10.1.2.3/32, fd00::/128' }],
    ['WEB', 'false', { web: false }],
    ['SECURITY_CONTACT', 'mailto:a@films.example', { securityContact: 'mailto:a@films.example' }],
    ['METRICS_TOKEN', 'a-token', { metricsToken: 'a-token' }],
    ['SENTRY_DSN', 'https://key@o1.ingest.example/42', { sentryDsn: 'https://key@o1.ingest.example/42' }],
    ['SENTRY_DSN', 'http://key@127.0.0.1:9000/base/1', { sentryDsn: 'http://key@127.0.0.1:9000/base/1' }],
    ['LOG_LEVEL', 'silent', { logLevel: 'silent' }],
  ])('%s=%s', (name, value, expected) => {
    expect(loadConfig({ [name]: value })).toMatchObject(expected)
  })

  test.each([
    'postgres://user:password@host:5432/database',
    'postgresql://host/database?sslmode=require',
    'postgres://user:p%40ss%23@one:5432,two:5433,three/database',
    'postgres://user@[::1]:5432/database',
    'postgres:///database?host=/run/postgresql',
  ])('DATABASE_URL=%s', (url) => {
    expect(loadConfig({ DATABASE_URL: url, JWT_SECRET: secret }).databaseUrl).toBe(url)
  })

  test('all five of S3, and both of the administrator', () => {
    const config = loadConfig({ ...s3, ADMIN_LOGIN: 'root', ADMIN_PASSWORD: 'a long password' })
    expect(config.s3).toEqual({
      endpoint: 'http://127.0.0.1:9000',
      region: 'us-east-1',
      bucket: 'photos',
      accessKeyId: 'key',
      secretAccessKey: 'secret',
    })
    expect(config.admin).toEqual({ login: 'root', password: 'a long password' })
  })

  test.each(['8 chars!', ' spaces at both ends ', 'ж'.repeat(128)])('ADMIN_PASSWORD=%j, every letter', (value) => {
    const config = loadConfig({ ADMIN_LOGIN: ' root ', ADMIN_PASSWORD: value })
    expect(config.admin).toEqual({ login: 'root', password: value })
  })
})

describe('A wrong value is named, and not shown', () => {
  test.each([
    ['PORT', 'wrong-8080'],
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '80.5'],
    ['PORT', '0x50'],
    ['DATABASE_READ_URL', 'mysql://u:hunter2@h/db'],
    ['READ_LAG', '499ms'],
    ['READ_LAG', '2m'],
    ['JWT_SECRET', 'hunter2-too-short'],
    ['JWT_SECRET', `${secret},hunter2`],
    ['JWT_SECRET', `${secret},`],
    ['ACCESS_TTL', '17'],
    ['ACCESS_TTL', '0s'],
    ['ACCESS_TTL', '1.5h'],
    ['ACCESS_TTL', '999ms'],
    ['ACCESS_TTL', '31d'],
    ['REFRESH_TTL', '59s'],
    ['REFRESH_TTL', '401d'],
    ['REFRESH_TTL', '30 days'],
    ['DEFAULT_PHONE_REGION', 'Ukraine'],
    ['DEFAULT_PHONE_REGION', 'ua'],
    ['KINOPOISK_URL', 'kinopoisk.example'],
    ['KINOPOISK_URL', 'ftp://kinopoisk.example'],
    ['KINOPOISK_API_KEY', 'hunter2 with spaces'],
    ['KINOPOISK_API_KEY', 'ключ-hunter2'],
    ['KINOPOISK_DAILY_QUOTA', '-2'],
    ['KINOPOISK_DAILY_QUOTA', 'unlimited'],
    ['KINOPOISK_QUOTA_RESET_TZ', 'Moscow/Europe'],
    ['KINOPOISK_QUOTA_RESET_TZ', 'MSK'],
    ['KINOPOISK_PATIENCE', '11m'],
    ['PICTURES_MB', '-1'],
    ['PICTURE_HOSTS', '10.0.0.1'],
    ['PICTURE_HOSTS', 'https://hunter2.example/'],
    ['KINOPOISK_TIMEOUT', '5 seconds'],
    ['KINOPOISK_TIMEOUT', '99ms'],
    ['KINOPOISK_TIMEOUT', '31d'],
    ['S3_TIMEOUT', '601s'],
    ['DEMO_CATALOGUE', 'no'],
    ['PUBLIC_CATALOGUE', 'yes'],
    ['CORS_ORIGINS', 'hunter2.example'],
    ['CORS_ORIGINS', 'https://films.example/'],
    ['CORS_ORIGINS', 'https://films.example,*'],
    ['TRUST_PROXY', '1'],
    ['TRUST_PROXY', '10.0.0.0/33'],
    ['TRUST_PROXY', '10.0.0.0/0'],
    ['TRUST_PROXY', 'loopback, fd00::/129'],
    ['TRUST_PROXY', '10.0.0.0/8/8'],
    ['TRUST_PROXY', 'loopback/8'],
    ['TRUST_PROXY', 'loopback, proxy.example'],
    ['SECURITY_CONTACT', 'hunter2@films.example'],
    ['SECURITY_CONTACT', 'http://hunter2.example'],
    ['METRICS_TOKEN', 'hunter2\nhunter3'],
    ['SENTRY_DSN', 'hunter2'],
    ['SENTRY_DSN', 'https://o1.ingest.example/hunter2'],
    ['LOG_LEVEL', 'verbose'],
  ])('%s=%s', (name, value) => {
    const faults = faultsOf({ [name]: value })
    expect(faults).toHaveLength(1)
    expect(faults[0]).toMatch(new RegExp(`^${name} must be `))
    expect(faults[0]).not.toContain(value)
    expect(faults[0]).not.toContain('hunter2')
  })

  test.each([
    'hunter2',
    'mysql://u:hunter2@host/db',
    'postgres://u:hunter2@host',
    'postgres://u:hunter2@host/',
    'postgres://u:hunter2@host:port/db',
    'postgres://u:hunter2@one,two:port/db',
    'postgres://u:hun/ter2@host/db',
    'postgres://u:hun#ter2@host/db',
    'postgres://u:100%hunter2@host/db',
    'postgres://u:hunter2@host/100%',
    'postgres://u:hunter2@host/db and more',
  ])('DATABASE_URL=%s', (url) => {
    const [fault, ...more] = faultsOf({ DATABASE_URL: url, JWT_SECRET: secret })
    expect(more).toEqual([])
    expect(fault).toMatch(/^DATABASE_URL must be postgres:/)
    expect(fault).not.toMatch(/hunter2|ter2/)
  })
})

test.each([
  ['+03:00', ', not an offset; this one is written Etc/GMT-3'],
  ['+0300', ', not an offset; this one is written Etc/GMT-3'],
  ['+3', ', not an offset; this one is written Etc/GMT-3'],
  ['GMT+3', ', not an offset; this one is written Etc/GMT-3'],
  ['utc+03', ', not an offset; this one is written Etc/GMT-3'],
  ['UTC-5', ', not an offset; this one is written Etc/GMT+5'],
  ['-12:00', ', not an offset; this one is written Etc/GMT+12'],
  ['+00:00', ', not an offset; this one is written UTC'],
  ['+05:30', ', not an offset'],
  ['-13:00', ', not an offset'],
  ['MSK', ''],
])('The offset %s is no KINOPOISK_QUOTA_RESET_TZ, and its right spelling is named', (value, advice) => {
  expect(faultsOf({ KINOPOISK_QUOTA_RESET_TZ: value })).toEqual([
    `KINOPOISK_QUOTA_RESET_TZ must be a time zone name such as Europe/Moscow${advice}`,
  ])
})

test('The bounds of a duration are in its message', () => {
  expect(faultsOf({ KINOPOISK_TIMEOUT: '30d', ACCESS_TTL: '0s' })).toEqual([
    'ACCESS_TTL must be a duration such as 500ms, 5s, 15m, 12h or 30d, from 1s to 30d',
    'KINOPOISK_TIMEOUT must be a duration such as 500ms, 5s, 15m, 12h or 30d, from 100ms to 10m',
  ])
})

test.each([
  ['ab', 'hunter2-hunter2', ['ADMIN_LOGIN must be 3 to 254 characters long']],
  ['a'.repeat(255), 'hunter2-hunter2', ['ADMIN_LOGIN must be 3 to 254 characters long']],
  ['root', 'hunter2', ['ADMIN_PASSWORD must be 8 to 128 characters long']],
  ['root', 'x'.repeat(129), ['ADMIN_PASSWORD must be 8 to 128 characters long']],
  ['root', ' '.repeat(8), ['ADMIN_LOGIN and ADMIN_PASSWORD go together']],
])('The administrator %j with %j is refused', (ADMIN_LOGIN, ADMIN_PASSWORD, faults) => {
  expect(faultsOf({ ADMIN_LOGIN, ADMIN_PASSWORD })).toEqual(faults)
})

test('All faults come in one message, without a value in it', () => {
  const env = { PORT: 'x', JWT_SECRET: 'hunter2', KINOPOISK_API_KEY: 'hunter2 hunter2', ADMIN_PASSWORD: 'hunter2-x' }
  const load = () => loadConfig({ ...env, S3_SECRET_ACCESS_KEY: 'hunter2' })
  expect(load).toThrow(
    'The configuration is wrong:\n' +
      '  - PORT must be an integer from 0 to 65535\n' +
      '  - JWT_SECRET must be at least 32 bytes (each of a comma-separated list)\n' +
      '  - KINOPOISK_API_KEY must be printable ASCII without spaces\n' +
      '  - ADMIN_LOGIN and ADMIN_PASSWORD go together\n' +
      `  - ${allFive}`,
  )
  expect(load).not.toThrow('hunter2')
})

describe('Variables that need each other', () => {
  const database = 'postgres://u@h/db'
  test.each([
    [{ DATABASE_URL: database }, ['JWT_SECRET is required with DATABASE_URL']],
    [{ DATABASE_URL: database, JWT_SECRET: secret }, []],
    [{ DATABASE_URL: database, JWT_SECRET: secret, DEMO_CATALOGUE: 'false' }, []],
    [
      { DATABASE_URL: database, JWT_SECRET: secret, DEMO_CATALOGUE: 'true' },
      ['DEMO_CATALOGUE must not be true with DATABASE_URL: it is for the embedded database only'],
    ],
    [
      { KINOPOISK_API_KEY: 'a-key', DEMO_CATALOGUE: 'true' },
      ['DEMO_CATALOGUE must not be true with KINOPOISK_API_KEY: its films are of the sandbox'],
    ],
    [{ JWT_SECRET: secret }, []],
    [
      { KINOPOISK_TIMEOUT: '5s', KINOPOISK_PATIENCE: '4s' },
      ['KINOPOISK_PATIENCE must not be shorter than KINOPOISK_TIMEOUT'],
    ],
    [{ KINOPOISK_PATIENCE: '4999ms' }, ['KINOPOISK_PATIENCE must not be shorter than KINOPOISK_TIMEOUT']],
    [{ KINOPOISK_TIMEOUT: '5s', KINOPOISK_PATIENCE: '5s' }, []],
    [{ DATABASE_DIRECT_URL: database }, ['DATABASE_DIRECT_URL needs DATABASE_URL']],
    [{ ADMIN_LOGIN: 'root' }, ['ADMIN_LOGIN and ADMIN_PASSWORD go together']],
    [{ ADMIN_PASSWORD: 'a long password' }, ['ADMIN_LOGIN and ADMIN_PASSWORD go together']],
    [s3, []],
  ])('%j', (env, faults) => {
    expect(faultsOf(env as Record<string, string>)).toEqual(faults)
  })

  test.each(Object.keys(s3))('S3 without %s is refused', (name) => {
    expect(faultsOf({ ...s3, [name]: '' })).toEqual([allFive])
  })

  test('an S3_ENDPOINT that is wrong is one fault, not also a missing one', () => {
    expect(faultsOf({ ...s3, S3_ENDPOINT: 'nonsense' })).toEqual(['S3_ENDPOINT must be an http:// or https:// URL'])
  })

  test('a DATABASE_URL that is wrong is one fault, not also a missing secret', () => {
    expect(faultsOf({ DATABASE_URL: 'nonsense' })).toHaveLength(1)
  })

  test('a JWT_SECRET that is too short is one fault, not also a missing one', () => {
    expect(faultsOf({ DATABASE_URL: database, JWT_SECRET: 'short' })).toHaveLength(1)
  })
})

test.each([
  ['KINOPOISK_KEY', 'KINOPOISK_API_KEY'],
  ['KINOPOISK_QUOTA', 'KINOPOISK_DAILY_QUOTA or KINOPOISK_QUOTA_RESET_TZ'],
  ['PUBLIC_CATALOG', 'PUBLIC_CATALOGUE'],
  ['kinopoisk_api_key', 'KINOPOISK_API_KEY'],
  ['Database_Url', 'DATABASE_URL'],
  ['CORS_ORIGIN', 'CORS_ORIGINS'],
  ['CORS_ALLOWED_ORIGINS', 'CORS_ORIGINS'],
  ['ACCESS_TOKEN_TTL', 'ACCESS_TTL'],
  ['TRUSTED_PROXY', 'TRUST_PROXY'],
  ['DATABASE_URI', 'DATABASE_URL'],
  ['SECURITY_CONTACTS', 'SECURITY_CONTACT'],
  ['LOGLEVEL', 'LOG_LEVEL'],
  ['DATABSE_URL', 'DATABASE_URL'],
  ['ADMIN_USER', 'ADMIN_LOGIN or ADMIN_PASSWORD'],
])('The misspelt variable %s is named, with what may be meant', (name, meant) => {
  const lines: string[] = []
  loadConfig({ [name]: 'hunter2' }, (line) => lines.push(line))
  expect(lines).toEqual([`${name} is set, but nothing reads it. Is ${meant} meant?`])
})

test('Variables of others, and our own, are not taken for misspelt ones', () => {
  const names = [
    'HOSTNAME',
    'HOME',
    'PATH',
    'TERM',
    'LANG',
    'USER',
    'SHELL',
    'PWD',
    'PORTS',
    'NODE_ENV',
    'LOGNAME',
    'TOKEN',
  ]
  const kubernetes = ['S3_SERVICE_HOST', 'S3_PORT', 'S3_PORT_8333_TCP', 'KUBERNETES_SERVICE_HOST']
  const compose = ['POSTGRES_PASSWORD', 'GRAFANA_PASSWORD', 'HTTP_PORT']
  const lines: string[] = []
  const env = Object.fromEntries([...names, ...kubernetes, ...compose, 'LOG_LEVEL'].map((name) => [name, 'info']))
  loadConfig(env, (line) => lines.push(line))
  expect(lines).toEqual([])
})

test('Standbys of the embedded database are said to have no effect', () => {
  const warnings: string[] = []
  const env = { DATABASE_READ_URL: 'postgres://replica/db' }
  loadConfig(env, (line) => warnings.push(line))
  expect(warnings).toEqual([expect.stringMatching(/^DATABASE_READ_URL has no effect without DATABASE_URL/)])
  loadConfig({ ...env, DATABASE_URL: 'postgres://primary/db', JWT_SECRET: secret }, (line) => warnings.push(line))
  expect(warnings).toHaveLength(1)
})
