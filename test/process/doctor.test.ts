import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { cloneDatabase } from '../support/databases.ts'
import { account, doctor, JWT_SECRET, key } from '../support/doctor.ts'
import { oddUpstream } from '../support/odd-upstream.ts'
import { cleanUp, freshFolder, runNode, serverPids, startServer } from '../support/process.ts'
import { s3Environment, startS3 } from '../support/s3.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await cleanUp()
})

describe('kinoteka doctor', () => {
  test('finds that all is well, asks for nothing that costs, and leaves all as it was', { tags: 'slow' }, async () => {
    const [kinopoisk, s3] = [await oddUpstream(), await startS3()]
    closers.push(kinopoisk.close, s3.close)
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

  test('finds a clock that is wrong', { tags: 'slow' }, async () => {
    const fast = `const { now } = Date; Date.now = () => now() + 5000`
    const before = ['--import', `data:text/javascript,${encodeURIComponent(fast)}`]
    const report = await doctor({ DATABASE_URL: await cloneDatabase(), JWT_SECRET }, before)
    expect(report.code).toBe(1)
    expect(report.lines.clock).toMatch(/^failed that of this machine is [45]\.\d s ahead of .*NTP/)
  })

  test('on an embedded database: before the first start, while it runs, and after', { tags: 'slow' }, async () => {
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

  test('prints a line for each check, with what to do', { tags: 'slow' }, async () => {
    const program = runNode(['src/cli.ts', 'doctor'], { env: { PORT: 'x', NO_COLOR: '1' } })
    expect(await program.ended()).toBe(1)
    expect(program.stdout()).toBe(
      'failed   configuration  PORT must be an integer from 0 to 65535\n' +
        'skipped  all else       not before the configuration is right\n',
    )
  })
})
