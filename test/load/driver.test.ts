import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { connect } from '../../src/db/connect.ts'
import { requireRepair } from '../../src/db/pool/repair-check.ts'
import { repository } from '../support/process.ts'

// At 4 at a time some of the ten connections are always free, at 64 none ever is: in both the driver as published keeps a hole
// for each query. (So it does at one at a time, which only takes longer.)
describe.each([4, 64])('A query when 200,000 have been answered, %i at a time,', (atOnce) => {
  test('costs at most half as much again as one of the first 10,000', async () => {
    const { sql, close } = connect(inject('postgresUrl'), { deadlineMs: Number.POSITIVE_INFINITY })
    try {
      // Connections are made as they are needed.
      await Promise.all(Array.from({ length: 10 }, () => sql`select pg_sleep(0.2)`))
      const first = await cheapestThousand(30)
      await cheapestThousand(140)
      const last = await cheapestThousand(30)
      expect(last / first).toBeLessThan(1.5)
    } finally {
      await close()
    }

    /** CPU time of this process, in µs: of the quietest thousand, since what else runs on the machine makes others dearer. */
    async function cheapestThousand(thousands: number): Promise<number> {
      let cheapest = Number.POSITIVE_INFINITY
      for (let i = 0; i < thousands; i++) {
        const before = process.cpuUsage()
        let left = 1000
        const ask = async () => {
          while (left-- > 0) await sql`select 1`
        }
        await Promise.all(Array.from({ length: atOnce }, ask))
        const { user, system } = process.cpuUsage(before)
        cheapest = Math.min(cheapest, user + system)
      }
      return cheapest
    }
  }, 120_000)
})

describe('The repair of the driver', () => {
  const run = promisify(execFile)
  let folder: string
  let diff: string
  const file = () => join(folder, 'node_modules/postgres/src/queue.js')
  const apply = async (text: string) => {
    await writeFile(join(folder, 'patches/postgres.diff'), text)
    return run(process.execPath, [join(folder, 'patches/apply.cjs')])
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kinoteka-driver-'))
    for (const each of ['node_modules/postgres', 'patches']) {
      await cp(join(repository, each), join(folder, each), { recursive: true })
    }
    diff = await readFile(join(repository, 'patches/postgres.diff'), 'utf8')
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('is asked for where it is missing, and where it fails nothing is changed', async () => {
    const repaired = await readFile(file(), 'utf8')
    const backwards = diff.replace(/^[-+](?![-+])/gm, (sign) => (sign === '+' ? '-' : '+'))
    await apply(backwards)
    const published = createRequire(file())(file()).default
    expect(() => requireRepair(published)).toThrow('not repaired: run `node patches/apply.cjs`')
    requireRepair()
    await apply(diff)
    expect(await readFile(file(), 'utf8')).toBe(repaired)
    await apply(diff)
    expect(await readFile(file(), 'utf8')).toBe(repaired)
    const newer = repaired.replaceAll('xs', 'items')
    await writeFile(file(), newer)
    await expect(apply(diff)).rejects.toThrow(/postgres\.diff does not fit .*: is the repair still needed/)
    expect(await readFile(file(), 'utf8')).toBe(newer)
  })

  test('is what the report to its makers tells', async () => {
    const report = await readFile(join(repository, 'bench/upstream/postgres-queue.md'), 'utf8')
    expect(report).toContain(diff.slice(0, diff.indexOf('--- a/cjs')))
  })

  test('comes with npm ci, and with the image, where the scripts of packages are off', async () => {
    const { scripts } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8'))
    expect(scripts.postinstall).toBe('node patches/apply.cjs')
    const dockerfile = await readFile(join(repository, 'Dockerfile'), 'utf8')
    expect(dockerfile).toMatch(
      /^COPY patches \.\/patches\n(?:#.*\n)*RUN npm ci .*\\\n {2}&& node patches\/apply\.cjs \\$/m,
    )
    expect(await readFile(join(repository, '.dockerignore'), 'utf8')).toMatch(/^!patches$/m)
  })
})
