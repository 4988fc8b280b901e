import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { inject } from 'vitest'
import { buildApp, type Externals } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { drawPoster } from '../../src/embedded/sandbox/poster.ts'
import { type Sandbox, type SandboxCall, type SandboxOptions, startSandbox } from '../../src/embedded/sandbox/server.ts'
import { readLogin } from '../../src/modules/auth/logins.ts'
import { createRefreshTokens } from '../../src/modules/auth/refresh-tokens.ts'
import { createAuthRepository } from '../../src/modules/auth/repository.ts'
import { createSessionRepository } from '../../src/modules/auth/session-repository.ts'
import { firstAdmin, password, templates } from './database.ts'
import { borrowDatabase, returnDatabase } from './databases.ts'
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

/** What a log of the app must not hold. */
const secretsSeen = new WeakMap<FastifyInstance, Set<string>>()
const jwtSecretsOf = new WeakMap<FastifyInstance, string[]>()

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
  const template = externals.firstAdmin === firstAdmin ? templates.withAdmin : templates.empty
  const url = externals.databaseUrl ?? (await borrowDatabase(template))
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
    const app = await buildApp(loadConfig({ DATA_DIR: dataDir, LOG_LEVEL: 'info', KINOPOISK_TIMEOUT: '15s', ...env }), {
      databaseUrl: url,
      jwtSecrets: [jwtSecret],
      kinopoisk: { url: sandbox.url, apiKey: 'test-key', sandbox: true, accountEveryMs: 500 },
      pictures: { draw: drawPoster },
      version: '0.0.0-test',
      logStream,
      // What a connection knows of the tables costs ten times as much as what it is asked here.
      ...(process.env.KEEP_DATABASES === '1' && { connections: 3 }),
      ...externals,
      ...own,
      // A machine that is busy with other tests is no overload of the service.
      limits: { maxLagMs: 60_000, ...externals.limits },
    })
    overhear(app, secrets)
    secretsSeen.set(app, secrets)
    jwtSecretsOf.set(app, own.jwtSecrets ?? externals.jwtSecrets ?? [jwtSecret])
    if (!isAlone) catchUpFirst(app)
    return app
  }
  let isReturned = Boolean(externals.databaseUrl)
  const apps = [await build()]
  const app = apps[0] as FastifyInstance
  await app.ready()
  // The key's account is asked about at the start: by now, or a fault meant for a film would meet it.
  await Promise.race([app.kinopoisk.idle(), sleep(2_000)])
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
      // Closed once more, it may be another app's by now.
      if (!isReturned) {
        isReturned = true
        await returnDatabase(url, template)
      }
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

export { firstAdmin, password }

export interface TestUser {
  id: number
  login: string
  tokens: { access_token: string; refresh_token: string }
  headers: { authorization: string }
}

/** A user who is logged in, without the work of a hash: the tests of auth register and log in by the API. */
export async function testUser(
  app: FastifyInstance,
  login = `user${randomBytes(5).toString('hex')}`,
): Promise<TestUser> {
  const row = { login: readLogin({ login }, 'UA'), password_hash: inject('passwordHash') }
  const id = await createAuthRepository(app.database.db).insertUser(row, '127.0.0.1')
  if (id === undefined) throw new Error(`There is a user ${login} already`)
  return openSession(app, id, login)
}

/** As a login by `app.inject` would. */
async function openSession(app: FastifyInstance, id: number, login: string): Promise<TestUser> {
  const [user] = await app.database.sql`select password_hash from users where id = ${id}`
  const sessionId = randomUUID()
  const refreshTokens = createRefreshTokens(jwtSecretsOf.get(app) ?? [])
  const refresh_token = refreshTokens.make({ sessionId, generation: 0 })
  const session = {
    id: sessionId,
    user_id: id,
    refresh_hash: refreshTokens.hash(refresh_token),
    ttlMs: 30 * 86_400_000,
    user_agent: 'lightMyRequest',
    ip: '127.0.0.1',
  }
  await createSessionRepository(app.database.db).insert(session, user?.password_hash, '127.0.0.1')
  const access_token = app.accessTokens.sign({ userId: id, sessionId })
  const tokens = { access_token, refresh_token }
  for (const token of Object.values(tokens)) secretsSeen.get(app)?.add(token)
  return { id, login, tokens, headers: { authorization: `Bearer ${access_token}` } }
}

/** The first administrator, logged in. */
export async function testAdmin({ app }: TestApp): Promise<TestUser> {
  const [user] = await app.database.sql`select id from users where login = ${firstAdmin.login}`
  return openSession(app, user?.id, firstAdmin.login)
}

/** Injects as a user: `as(user)({ method, url })`. */
export function as(app: FastifyInstance, user: TestUser) {
  return (options: InjectOptions) => app.inject({ ...options, headers: { ...options.headers, ...user.headers } })
}
