import { readdir, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { connect } from '../../src/db/connect.ts'
import { cloneDatabase } from '../support/app.ts'
import { doctor } from '../support/doctor.ts'
import { oddUpstream } from '../support/odd-upstream.ts'
import { emptyDatabase, noPgBouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { cleanUp, freePort, freshFolder, runNode, serverPids, startServer } from '../support/process.ts'
import { s3Environment, startS3 } from '../support/s3.ts'

const JWT_SECRET = 'a-secret-of-more-than-32-characters'
const key = '8c8e1a50-6322-4135-8875-5d40a5420d86'
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await cleanUp()
})

async function upstream(): Promise<Awaited<ReturnType<typeof oddUpstream>>> {
  const server = await oddUpstream()
  closers.push(server.close)
  return server
}

const account = (used: number) => ({
  body: JSON.stringify({ totalQuota: { value: -1, used: 0 }, dailyQuota: { value: 500, used }, accountType: 'FREE' }),
})

async function run(url: string, statement: string): Promise<unknown[]> {
  const { sql, close } = connect(url, { max: 1 })
  const rows = await sql.unsafe(statement)
  await close()
  return [...rows]
}

describe('kinoteka doctor', () => {
  test('finds that all is well, asks for nothing that costs, and leaves all as it was', async () => {
    const [kinopoisk, s3] = [await upstream(), await startS3()]
    closers.push(s3.close)
    kinopoisk.be((path) => (path === `/api/v1/api_keys/${key}` ? account(12) : undefined))
    const DATABASE_URL = await cloneDatabase()
    const access = { KINOPOISK_URL: kinopoisk.url, KINOPOISK_API_KEY: key, ...s3Environment(s3.url) }
    const report = await doctor({ DATABASE_URL, JWT_SECRET, ...access })
    expect(report.lines).toEqual({
      configuration: expect.stringMatching(/^ok no fault in it; there is no .*\.env$/),
      database: expect.stringMatching(/^ok PostgreSQL 18\.\d+, \S+ at /),
      pooler: 'ok none',
      locale: 'ok UTF8, which knows Cyrillic letters',
      clock: expect.stringMatching(/^ok /),
      migrations: 'ok the schema is the newest',
      kinopoisk: 'ok the key works; 12 of 500 calls of today are used',
      s3: 'ok an object was written to photos, fetched by a signed URL, and removed',
      disk: 'ok DATA_DIR is not used: all is kept elsewhere',
      temporary: expect.stringMatching(/^(ok|warning) \/tmp: /),
    })
    expect(report).toMatchObject({ code: 0, ok: true })
    expect(kinopoisk.calls).toEqual([])
    for (const secret of [JWT_SECRET, key]) expect(report.output).not.toContain(secret)
  })

  test('says of each fault what to do, and no secret with it', async () => {
    const kinopoisk = await upstream()
    kinopoisk.be(() => ({ status: 401, body: `{"message":"User is inactive or deleted. ${key}"}` }))
    const s3 = await startS3()
    closers.push(s3.close)
    const DATA_DIR = join(await freshFolder(), 'file')
    await writeFile(DATA_DIR, '')
    const report = await doctor({
      DATABASE_URL: `postgres://ann:hunter2@127.0.0.1:${await freePort()}/db`,
      ...{ JWT_SECRET, DATA_DIR, KINOPOISK_URL: kinopoisk.url, KINOPOISK_API_KEY: key },
      ...{ ...s3Environment(s3.url), S3_BUCKET: 'nothing', S3_SECRET_ACCESS_KEY: 'another-secret' },
      ADMIN_LOGIN: 'admin',
      ADMIN_PASSWORD: 'of-the-first-administrator',
    })
    expect(report).toMatchObject({ code: 1, ok: false })
    expect(report.lines).toMatchObject({
      configuration: expect.stringMatching(/^ok /),
      database: expect.stringMatching(/^failed cannot be reached: .*ECONNREFUSED.* Check DATABASE_URL/),
      locale: 'skipped the database is not reached',
      migrations: 'skipped the database is not reached',
      kinopoisk: expect.stringMatching(/^failed .*KINOPOISK_API_KEY\. Copy it anew/),
      s3: expect.stringMatching(/^failed there is no such bucket\. Make it, or correct S3_BUCKET$/),
    })
    for (const secret of ['hunter2', key, JWT_SECRET, 'another-secret', 'of-the-first']) {
      expect(report.output).not.toContain(secret)
    }
    const folder = await doctor({ DATA_DIR })
    expect(folder.lines.disk).toMatch(/^failed .*file is a file\. Set DATA_DIR to a folder/)
    expect(folder.code).toBe(1)
  })

  test('names every fault of the configuration, and what is misspelt', async () => {
    const wrong = await doctor({ PORT: '99999', LOG_LEVEL: 'loud', METRICS_TOKEN: 'hunter2' })
    expect(wrong.code).toBe(1)
    expect(wrong.lines.configuration).toMatch(/^failed PORT must be .*\nfailed LOG_LEVEL must be /)
    expect(wrong.output).not.toContain('hunter2')
    const misspelt = await doctor({ KINOPOISK_KEY: key, DATA_DIR: await freshFolder() })
    expect(misspelt).toMatchObject({ code: 0, ok: true })
    expect(misspelt.lines.configuration).toMatch(/^warning KINOPOISK_KEY is set, .*KINOPOISK_API_KEY/)
    expect(misspelt.output).not.toContain(key)
  })

  test('ends also where nothing answers', async () => {
    const sockets = new Set<Socket>()
    const silent = createServer((socket) => void sockets.add(socket.on('error', () => {})))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    closers.push(() => {
      for (const socket of sockets) socket.destroy()
      silent.close()
    })
    const { port } = silent.address() as { port: number }
    const url = `http://127.0.0.1:${port}`
    const report = await doctor({
      DATABASE_URL: `postgres://ann:hunter2@127.0.0.1:${port}/db`,
      ...{ JWT_SECRET, KINOPOISK_URL: url, KINOPOISK_API_KEY: key, ...s3Environment(url) },
    })
    expect(report.code).toBe(1)
    expect(report.lines.database).toMatch(/^failed .*Check DATABASE_URL/)
    expect(report.lines.kinopoisk).toMatch(/^failed Kinopoisk does not answer in time/)
    expect(report.lines.s3).toMatch(/^failed no answer within/)
  })

  test('says what a start would do to the schema, and does not do it', async () => {
    const empty = await emptyDatabase()
    const first = await doctor({ DATABASE_URL: empty, JWT_SECRET })
    expect(first.lines).toMatchObject({
      locale: 'ok UTF8, which knows Cyrillic letters',
      migrations: 'ok none yet: the first start makes all tables',
    })
    expect(await run(empty, `select from pg_class where relname = 'films'`)).toEqual([])
    expect(await run(empty, `select from pg_extension where extname = 'pg_trgm'`)).toEqual([])

    const DATABASE_URL = await cloneDatabase()
    const table = 'drizzle.__drizzle_migrations'
    await run(DATABASE_URL, `delete from ${table} where created_at = (select max(created_at) from ${table})`)
    const pending = await doctor({ DATABASE_URL, JWT_SECRET })
    expect(pending.code).toBe(0)
    expect(pending.lines.migrations).toMatch(/^warning 1 are to be done\. .*"kinoteka migrate"/)

    await run(DATABASE_URL, `insert into ${table} (hash, created_at) values ('x', 9999999999999)`)
    const newer = await doctor({ DATABASE_URL, JWT_SECRET })
    expect(newer.code).toBe(1)
    expect(newer.lines.migrations).toMatch(
      /^failed the database has the schema of a newer release\. Start that release/,
    )
    const accepted = await doctor({ DATABASE_URL, JWT_SECRET, DATABASE_ACCEPT_NEWER: 'true' })
    expect(accepted.lines.migrations).toMatch(/^warning /)
  })

  test('finds a database that knows no Cyrillic, and a clock that is wrong', async () => {
    const how = `template template0 encoding 'UTF8' locale_provider libc locale 'C'`
    const fast = `const { now } = Date; Date.now = () => now() + 5000`
    const before = ['--import', `data:text/javascript,${encodeURIComponent(fast)}`]
    const report = await doctor({ DATABASE_URL: await emptyDatabase(how), JWT_SECRET }, before)
    expect(report.code).toBe(1)
    expect(report.lines.locale).toMatch(/^failed .*LC_CTYPE C, which does not know .*Make it anew/)
    expect(report.lines.clock).toMatch(/^failed that of this machine is [45]\.\d s ahead of .*NTP/)
  })

  test('tells of a spent quota, and of what is not Kinopoisk at all', async () => {
    const kinopoisk = await upstream()
    const env = { KINOPOISK_URL: kinopoisk.url, KINOPOISK_API_KEY: key, DATA_DIR: await freshFolder() }
    kinopoisk.be(() => account(500))
    const spent = await doctor(env)
    expect(spent).toMatchObject({ code: 0, ok: true })
    expect(spent.lines.kinopoisk).toMatch(/^warning 500 of 500 calls of today are used: the quota is spent/)
    kinopoisk.be(() => ({ body: '<html>' }))
    expect((await doctor(env)).lines.kinopoisk).toMatch(/^failed what answers at KINOPOISK_URL is not/)
  })

  test('on an embedded database: before the first start, while it runs, and after', async () => {
    const cwd = await freshFolder()
    const fresh = await doctor({}, [], cwd)
    expect(fresh).toMatchObject({ code: 0, ok: true })
    expect(fresh.lines.database).toBe(
      'ok embedded: the first start makes it in .data; or set DATABASE_URL to one of your own',
    )
    expect(fresh.lines.kinopoisk).toMatch(/^ok no key: the built-in sandbox answers/)
    expect(await readdir(cwd)).toEqual([])

    const DATA_DIR = join(cwd, '.data')
    const server = await startServer(DATA_DIR)
    const running = await doctor({}, [], cwd)
    expect(running.lines.database).toMatch(/^ok PostgreSQL 18\.\d+, embedded in \.data$/)
    expect(serverPids(DATA_DIR)).not.toEqual([])
    await server.stop()
    const stopped = await doctor({}, [], cwd)
    expect(stopped.lines).toMatchObject({ database: running.lines.database, locale: expect.stringMatching(/^ok /) })
    expect(serverPids(DATA_DIR)).toEqual([])
  })

  test.runIf(!noPgBouncer)('finds the pooler', async () => {
    const through = await startPgBouncer({ mode: 'transaction', ignores: 'options' })
    const report = await doctor({ DATABASE_URL: through(await cloneDatabase()), JWT_SECRET })
    // It passes no time limits on, which its role does not have here.
    expect(report.lines.pooler).toMatch(/^warning the database is behind a pooler, .*alter role/)
    expect(report.lines.migrations).toBe('ok the schema is the newest')
  })

  test('prints a line for each check, with what to do', async () => {
    const program = runNode(['src/cli.ts', 'doctor'], { env: { PORT: 'x', NO_COLOR: '1' } })
    expect(await program.ended()).toBe(1)
    expect(program.stdout()).toBe(
      'failed   configuration  PORT must be an integer from 0 to 65535\n' +
        'skipped  all else       not before the configuration is right\n',
    )
  })
})
