import { writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { connect } from '../src/db/connect.ts'
import { cloneDatabase } from './support/databases.ts'
import { account, examine, JWT_SECRET, key } from './support/doctor.ts'
import { oddUpstream } from './support/odd-upstream.ts'
import { emptyDatabase, noPgBouncer, startPgBouncer } from './support/pgbouncer.ts'
import { cleanUp, freePort, freshFolder } from './support/process.ts'
import { s3Environment, startS3 } from './support/s3.ts'

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

async function run(url: string, statement: string): Promise<unknown[]> {
  const { sql, close } = connect(url, { max: 1 })
  const rows = await sql.unsafe(statement)
  await close()
  return [...rows]
}

describe('What kinoteka doctor finds', () => {
  test('says of each fault what to do, and no secret with it', async () => {
    const kinopoisk = await upstream()
    kinopoisk.be(() => ({ status: 401, body: `{"message":"User is inactive or deleted. ${key}"}` }))
    const s3 = await startS3()
    closers.push(s3.close)
    const DATA_DIR = join(await freshFolder(), 'file')
    await writeFile(DATA_DIR, '')
    const report = await examine({
      DATABASE_URL: `postgres://ann:hunter2@127.0.0.1:${await freePort()}/db`,
      ...{ JWT_SECRET, DATA_DIR, KINOPOISK_URL: kinopoisk.url, KINOPOISK_API_KEY: key },
      ...{ ...s3Environment(s3.url), S3_BUCKET: 'nothing', S3_SECRET_ACCESS_KEY: 'another-secret' },
      ADMIN_LOGIN: 'admin',
      ADMIN_PASSWORD: 'of-the-first-administrator',
    })
    expect(report).toMatchObject({ passed: false })
    expect(report.lines).toMatchObject({
      configuration: expect.stringMatching(/^ok /),
      database: expect.stringMatching(/^failed cannot be reached: .*ECONNREFUSED.* Check DATABASE_URL/),
      locale: 'skipped the database is not reached',
      migrations: 'skipped the database is not reached',
      kinopoisk: expect.stringMatching(/^failed .*KINOPOISK_API_KEY\. Copy it anew/),
      s3: expect.stringMatching(/^failed there is no such bucket\. Make it, or correct S3_BUCKET$/),
    })
    for (const secret of ['hunter2', key, JWT_SECRET, 'another-secret', 'of-the-first']) {
      expect(report.text).not.toContain(secret)
    }
    const folder = await examine({ DATA_DIR })
    expect(folder.lines.disk).toMatch(/^failed .*file is a file\. Set DATA_DIR to a folder/)
    expect(folder.passed).toBe(false)
  })

  test('names every fault of the configuration, and what is misspelt', async () => {
    const wrong = await examine({ PORT: '99999', LOG_LEVEL: 'loud', METRICS_TOKEN: 'hunter2' })
    expect(wrong.passed).toBe(false)
    expect(wrong.lines.configuration).toMatch(/^failed PORT must be .*\nfailed LOG_LEVEL must be /)
    expect(wrong.text).not.toContain('hunter2')
    const misspelt = await examine({ KINOPOISK_KEY: key, DATA_DIR: await freshFolder() })
    expect(misspelt).toMatchObject({ passed: true })
    expect(misspelt.lines.configuration).toMatch(/^warning KINOPOISK_KEY is set, .*KINOPOISK_API_KEY/)
    expect(misspelt.text).not.toContain(key)
  })

  test('ends also where nothing answers', { tags: 'slow' }, async () => {
    const sockets = new Set<Socket>()
    const silent = createServer((socket) => void sockets.add(socket.on('error', () => {})))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    closers.push(() => {
      for (const socket of sockets) socket.destroy()
      silent.close()
    })
    const { port } = silent.address() as { port: number }
    const url = `http://127.0.0.1:${port}`
    const report = await examine({
      DATABASE_URL: `postgres://ann:hunter2@127.0.0.1:${port}/db`,
      ...{ JWT_SECRET, KINOPOISK_URL: url, KINOPOISK_API_KEY: key, ...s3Environment(url) },
    })
    expect(report.passed).toBe(false)
    expect(report.lines.database).toMatch(/^failed .*Check DATABASE_URL/)
    expect(report.lines.kinopoisk).toMatch(/^failed Kinopoisk does not answer in time/)
    expect(report.lines.s3).toMatch(/^failed no answer within/)
  })

  test('says what a start would do to the schema, and does not do it', { tags: 'slow' }, async () => {
    const empty = await emptyDatabase()
    const first = await examine({ DATABASE_URL: empty, JWT_SECRET })
    expect(first.lines).toMatchObject({
      locale: 'ok UTF8, which knows Cyrillic letters',
      migrations: 'ok none yet: the first start makes all tables',
    })
    expect(await run(empty, `select from pg_class where relname = 'films'`)).toEqual([])
    expect(await run(empty, `select from pg_extension where extname = 'pg_trgm'`)).toEqual([])

    const DATABASE_URL = await cloneDatabase()
    const table = 'drizzle.__drizzle_migrations'
    await run(DATABASE_URL, `delete from ${table} where created_at = (select max(created_at) from ${table})`)
    const pending = await examine({ DATABASE_URL, JWT_SECRET })
    expect(pending.passed).toBe(true)
    expect(pending.lines.migrations).toMatch(/^warning 1 are to be done\. .*"kinoteka migrate"/)

    await run(DATABASE_URL, `insert into ${table} (hash, created_at) values ('x', 9999999999999)`)
    const newer = await examine({ DATABASE_URL, JWT_SECRET })
    expect(newer.passed).toBe(false)
    expect(newer.lines.migrations).toMatch(
      /^failed the database has the schema of a newer release\. Start that release/,
    )
    const accepted = await examine({ DATABASE_URL, JWT_SECRET, DATABASE_ACCEPT_NEWER: 'true' })
    expect(accepted.lines.migrations).toMatch(/^warning /)
  })

  test('finds a database that knows no Cyrillic', async () => {
    const how = `template template0 encoding 'UTF8' locale_provider libc locale 'C'`
    const { passed, lines } = await examine({ DATABASE_URL: await emptyDatabase(how), JWT_SECRET })
    expect(passed).toBe(false)
    expect(lines.locale).toMatch(/^failed .*LC_CTYPE C, which does not know .*Make it anew/)
  })

  test('tells of a spent quota, and of what is not Kinopoisk at all', async () => {
    const kinopoisk = await upstream()
    const env = { KINOPOISK_URL: kinopoisk.url, KINOPOISK_API_KEY: key, DATA_DIR: await freshFolder() }
    kinopoisk.be(() => account(500))
    const spent = await examine(env)
    expect(spent).toMatchObject({ passed: true })
    expect(spent.lines.kinopoisk).toMatch(/^warning 500 of 500 calls of today are used: the quota is spent/)
    kinopoisk.be(() => ({ body: '<html>' }))
    expect((await examine(env)).lines.kinopoisk).toMatch(/^failed what answers at KINOPOISK_URL is not/)
  })

  test.runIf(!noPgBouncer)('finds the pooler', async () => {
    const through = await startPgBouncer({ mode: 'transaction', ignores: 'options' })
    const report = await examine({ DATABASE_URL: through(await cloneDatabase()), JWT_SECRET })
    // It passes no time limits on, which its role does not have here.
    expect(report.lines.pooler).toMatch(/^warning the database is behind a pooler, .*alter role/)
    expect(report.lines.migrations).toBe('ok the schema is the newest')
  })
})
