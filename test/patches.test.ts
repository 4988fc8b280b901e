import { cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { repository, runNode } from './support/process.ts'

describe('The exports of drizzle-orm', () => {
  const manifest = 'node_modules/drizzle-orm/package.json'
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kinoteka-patches-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const entry = (name: string) => ({
    import: { types: `./${name}.d.ts`, default: `./${name}.js` },
    require: { types: `./${name}.d.cts`, default: `./${name}.cjs` },
    types: `./${name}.d.ts`,
    default: `./${name}.js`,
  })

  test('lead where they led before, by a pattern in place of the entries that say it', async () => {
    const own = { './odd': './pg-core/odd.cjs', './package.json': './package.json' }
    const published = {
      '.': entry('index'),
      './pg-core': entry('pg-core/index'),
      './pg-core/utils': entry('pg-core/utils'),
    }
    await mkdir(dirname(join(folder, manifest)), { recursive: true })
    await cp(join(repository, 'patches'), join(folder, 'patches'), { recursive: true })
    await writeFile(join(folder, manifest), JSON.stringify({ type: 'module', exports: { ...published, ...own } }))
    // Twice: what is repaired stays as it is.
    for (let i = 0; i < 2; i++) {
      const run = runNode(['patches/drizzle-orm.cjs'], { cwd: folder })
      expect([await run.ended(), run.stderr()]).toEqual([0, ''])
      const { exports } = JSON.parse(await readFile(join(folder, manifest), 'utf8'))
      expect(Object.keys(exports)).toEqual(['.', './pg-core', './odd', './package.json', './*'])
    }
    for (const name of ['index', 'pg-core/index', 'pg-core/utils', 'pg-core/odd']) {
      await mkdir(dirname(join(folder, 'node_modules/drizzle-orm', name)), { recursive: true })
      await writeFile(join(folder, 'node_modules/drizzle-orm', `${name}.cjs`), '')
    }
    const { resolve } = createRequire(join(folder, 'x.js'))
    for (const [name, file] of [
      ['', 'index'],
      ['/pg-core', 'pg-core/index'],
      ['/pg-core/utils', 'pg-core/utils'],
      ['/odd', 'pg-core/odd'],
    ]) {
      expect(resolve(`drizzle-orm${name}`)).toBe(join(folder, 'node_modules/drizzle-orm', `${file}.cjs`))
    }
  })

  test('are short in what is installed: Node reads them for each of its files', async () => {
    expect((await stat(join(repository, manifest))).size).toBeLessThan(60_000)
  })
})
