import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { inject } from 'vitest'
import { buildApp, type Externals } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { connect } from '../../src/db/connect.ts'
import { type Sandbox, type SandboxCall, type SandboxOptions, startSandbox } from '../../src/embedded/sandbox/server.ts'
import { databaseUrl, template } from './database.ts'
import { overhear, refuseLeaks, secretsOf } from './privacy.ts'

export interface TestApp {
  app: FastifyInstance
  sandbox: Sandbox
  /** The calls of the sandbox, in order; without those about the key's account. */
  calls: SandboxCall[]
  accountCalls: SandboxCall[]
  /** The log so far, as text. */
  log(): string
  databaseUrl: string
  /** DATA_DIR: a folder of its own, gone with it. */
  dataDir: string
  /** Another process' worth of service on the same database and upstream. */
  replica(externals?: Partial<Externals>): Promise<FastifyInstance>
  /** Fails when the log held what no log may hold: so it is looked for in the whole run. */
  close(): Promise<void>
}

export const jwtSecret = 'a secret of the tests, of more than 32 bytes'

/**
 * The real service over a database of its own and a sandbox of its own. `env` is the configuration. What a test has
 * changed by SQL shows in the next request, unless `isAlone`: then, as in production, only what a request has changed.
 */
export async function testApp(
  env: Record<string, string> = {},
  externals: Partial<Externals> = {},
  sandboxOptions: SandboxOptions = {},
  isAlone = false,
): Promise<TestApp> {
  const url = await cloneDatabase()
  const dataDir = await mkdtemp(join(tmpdir(), 'kinoteka-data-'))
  const calls: SandboxCall[] = []
  const accountCalls: SandboxCall[] = []
  const onCall = (call: SandboxCall) => (call.endpoint === 'api_key' ? accountCalls : calls).push(call)
  const sandbox = await startSandbox({ ...sandboxOptions, onCall })
  const secrets = new Set([jwtSecret, ...secretsOf(env)])
  let log = ''
  const logStream = new PassThrough().on('data', (chunk) => {
    log += chunk
  })
  const build = async (own: Partial<Externals> = {}) => {
    const app = await buildApp(loadConfig({ DATA_DIR: dataDir, LOG_LEVEL: 'info', KINOPOISK_TIMEOUT: '2s', ...env }), {
      databaseUrl: url,
      jwtSecrets: [jwtSecret],
      kinopoisk: { url: sandbox.url, apiKey: 'test-key', sandbox: true },
      version: '0.0.0-test',
      logStream,
      ...externals,
      ...own,
      // A machine that is busy with other tests is no overload of the service.
      limits: { maxLagMs: 60_000, ...externals.limits },
    })
    overhear(app, secrets)
    if (!isAlone) catchUpFirst(app)
    return app
  }
  const apps = [await build()]
  const app = apps[0] as FastifyInstance
  await app.ready()
  return {
    app,
    sandbox,
    calls,
    accountCalls,
    log: () => log,
    databaseUrl: url,
    dataDir,
    async replica(own) {
      const other = await build(own)
      apps.push(other)
      await other.ready()
      return other
    },
    async close() {
      for (const each of apps) await each.close()
      await sandbox.close()
      await rm(dataDir, { recursive: true, force: true })
      refuseLeaks(log, secrets)
    },
  }
}

function catchUpFirst(app: FastifyInstance): void {
  const inject = app.inject.bind(app) as (options: InjectOptions | string) => Promise<unknown>
  Object.assign(app, {
    async inject(options: InjectOptions | string) {
      await app.changeFeed.waitUntilCaughtUp()
      return inject(options)
    },
  })
}

/** As when Kinopoisk tells that calls are left, or that the key is accepted. */
export async function endBlock({ app }: Pick<TestApp, 'app'>): Promise<void> {
  await app.database.sql`update kinopoisk_accounts set blocked = null, blocked_at = null, blocked_until = null`
  await app.kinopoisk.status()
}

/** A fresh migrated database; gone with the run's server. */
export async function cloneDatabase(): Promise<string> {
  const server = inject('postgresUrl')
  const name = `test_${randomBytes(6).toString('hex')}`
  const { sql, close } = connect(server, { max: 1 })
  await sql`create database ${sql(name)} template ${sql(template)}`
  await close()
  return databaseUrl(server, name)
}

export const password = 'correct horse battery staple'

export interface TestUser {
  id: number
  login: string
  tokens: { access_token: string; refresh_token: string }
  headers: { authorization: string }
}

/** A registered user who is logged in. */
export async function testUser(
  app: FastifyInstance,
  login = `user${randomBytes(5).toString('hex')}`,
): Promise<TestUser> {
  const registered = await app.inject({ method: 'POST', url: '/register', payload: { login, password } })
  if (registered.statusCode !== 201) throw new Error(registered.body)
  const tokens = (await app.inject({ method: 'POST', url: '/login', payload: { login, password } })).json()
  return { id: registered.json().id, login, tokens, headers: { authorization: `Bearer ${tokens.access_token}` } }
}

/** For `testApp({}, { firstAdmin })`. */
export const firstAdmin = { login: 'admin', password }

/** The first administrator, logged in. */
export async function testAdmin({ app }: TestApp): Promise<TestUser> {
  const tokens = (await app.inject({ method: 'POST', url: '/login', payload: firstAdmin })).json()
  const headers = { authorization: `Bearer ${tokens.access_token}` }
  const { id } = (await app.inject({ method: 'GET', url: '/user', headers })).json()
  return { id, login: firstAdmin.login, tokens, headers }
}

/** Injects as a user: `as(user)({ method, url })`. */
export function as(app: FastifyInstance, user: TestUser) {
  return (options: InjectOptions) => app.inject({ ...options, headers: { ...options.headers, ...user.headers } })
}
