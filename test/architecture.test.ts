import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { breaksIn, sourcesIn } from './support/architecture.ts'
import { forbiddenWords, misnamed } from './support/glossary.ts'
import { repository } from './support/process.ts'

const breaksOf = (path: string, text: string) => breaksIn([{ path, text }])

describe('The house', () => {
  const folders = ['src', 'test', 'bench', 'deploy', 'grafana', 'tools'].filter((folder) =>
    existsSync(join(repository, folder)),
  )

  test('keeps its rules in every file', () => {
    const sources = folders.flatMap(sourcesIn)
    expect(sources.length).toBeGreaterThan(60)
    expect(breaksIn(sources)).toEqual([])
  })
})

// Names that clients, operators or the database know, and what Node or a library calls so.
const publicNames = new Set<string>([])
const foreignNames = new Set<string>([])

describe('Names in src', () => {
  const words = forbiddenWords(readFileSync(join(repository, 'docs/glossary.md'), 'utf8'))
  const wordsOf = (path: string, text: string) => misnamed([{ path, text }], words, new Set())

  test('are those of docs/glossary.md', () => {
    expect(words.size).toBeGreaterThan(30)
    expect(misnamed(sourcesIn('src'), words, new Set([...publicNames, ...foreignNames]))).toEqual([])
  })

  test('that are allowed are all needed', () => {
    const found = misnamed(sourcesIn('src'), words, new Set()).join()
    for (const name of [...publicNames, ...foreignNames]) expect(found).toContain(`: ${name} has`)
  })

  test('are found by their words, anywhere in a name and a file', () => {
    const glossary =
      '| term | meaning | not to be called |\n|---|---|---|\n| cache region | Entries. | shelf, shelves |\n'
    expect([...forbiddenWords(glossary)]).toEqual([
      ['shelf', 'cache region'],
      ['shelves', 'cache region'],
    ])
    expect(wordsOf('src/db/film-shelf.ts', '')).toEqual(['src/db/film-shelf.ts has "shelf", which is "cache region"'])
    for (const name of ['shelf', 'filmShelf', 'ShelfOptions', 'film_shelf', 'SHELF_SIZE', 'shelfURL']) {
      expect(wordsOf('src/a.ts', `const { ${name} } = x`)).toHaveLength(1)
    }
    expect(wordsOf('src/a.ts', `const shelving = 'shelf' // shelf\nconst a = \`shelf \${b} shelf\``)).toEqual([])
    expect(wordsOf('src/a.ts', `const a = \`shelf \${\`\${{ b: shelf }}\`} x\`\nconst shelf = 1`)).toHaveLength(1)
  })
})

describe('The checker sees', () => {
  test.each([
    ['src/config/config.ts', 'src/errors.ts', "import { AppError } from '../errors.ts'"],
    ['src/errors.ts', 'src/db/errors.ts', "import { violated } from './db/errors.ts'"],
    ['src/text/names.ts', 'src/errors.ts', "import { AppError } from '../errors.ts'"],
    ['src/semaphore.ts', 'src/text/names.ts', "import { x } from './text/names.ts'"],
    ['src/http/pagination-links.ts', 'src/db/page.ts', "import { pageSize } from '../db/page.ts'"],
    ['src/http/schemas.ts', 'src/modules/auth/schemas.ts', "import { Token } from '../modules/auth/schemas.ts'"],
    ['src/server.ts', 'src/db/connect.ts', "import { connect } from './db/connect.ts'"],
    ['src/server.ts', 'src/services.ts', "import { createServices } from './services.ts'"],
    ['src/cli.ts', 'src/app.ts', "import { buildApp } from './app.ts'"],
    ['src/commands/admin.ts', 'src/app.ts', "import { buildApp } from '../app.ts'"],
    ['src/commands/admin.ts', 'src/server.ts', "await import('../server.ts')"],
    ['src/commands/admin.ts', 'src/modules/users/service.ts', "import { x } from '../modules/users/service.ts'"],
    ['src/doctor/disk.ts', 'src/commands/admin.ts', "import { administer } from '../commands/admin.ts'"],
    ['src/doctor/disk.ts', 'src/plugins/db.ts', "import db from '../plugins/db.ts'"],
    ['src/instrument.ts', 'src/errors.ts', "import { AppError } from './errors.ts'"],
    ['src/app.ts', 'src/embedded/postgres.ts', "import { startPostgres } from './embedded/postgres.ts'"],
    ['src/app.ts', 'src/modules/films/routes.ts', "import { filmRoutes } from './modules/films/routes.ts'"],
    ['src/app.ts', 'src/config/config.ts', "import { loadConfig } from './config/config.ts'"],
    ['src/app.ts', 'src/server.ts', "import './server.ts'"],
    ['src/app.ts', 'src/instrument.ts', "import { report } from './instrument.ts'"],
    ['src/services.ts', 'src/plugins/db.ts', "import db from './plugins/db.ts'"],
    ['src/services.ts', 'src/routes.ts', "import { registerRoutes } from './routes.ts'"],
    ['src/services.ts', 'src/embedded/demo.ts', "import { demoFilms } from './embedded/demo.ts'"],
    ['src/routes.ts', 'src/services.ts', "import { createServices } from './services.ts'"],
    ['src/routes.ts', 'src/modules/films/service.ts', "import { createFilmService } from './modules/films/service.ts'"],
    ['src/db/connect.ts', 'src/config/config.ts', "import { loadConfig } from '../config/config.ts'"],
    ['src/db/connect.ts', 'src/catalogue/film-ids.ts', "import { isOwnId } from '../catalogue/film-ids.ts'"],
    ['src/db/schema/films.ts', 'src/errors.ts', "import { AppError } from '../../errors.ts'"],
    ['src/cache/cache.ts', 'src/errors.ts', "import { AppError } from '../errors.ts'"],
    ['src/cache/cache.ts', 'src/catalogue/film-ids.ts', "import { isOwnId } from '../catalogue/film-ids.ts'"],
    ['src/catalogue/film-filter.ts', 'src/cache/cache.ts', "import { x } from '../cache/cache.ts'"],
    ['src/kinopoisk/layers/cache.ts', 'src/plugins/db.ts', "import db from '../../plugins/db.ts'"],
    ['src/kinopoisk/layers/cache.ts', 'src/storage/s3.ts', "import { s3 } from '../../storage/s3.ts'"],
    ['src/kinopoisk/gateway.ts', 'src/catalogue/film-ids.ts', "import { isOwnId } from '../catalogue/film-ids.ts'"],
    ['src/storage/s3.ts', 'src/config/config.ts', "import { loadConfig } from '../config/config.ts'"],
    ['src/embedded/postgres.ts', 'src/db/connect.ts', "import { connect } from '../db/connect.ts'"],
    ['src/plugins/auth.ts', 'src/plugins/db.ts', "import db from './db.ts'"],
    ['src/plugins/auth.ts', 'src/text/names.ts', "import { x } from '../text/names.ts'"],
    ['src/plugins/auth.ts', 'src/modules/auth/service.ts', "import { x } from '../modules/auth/service.ts'"],
    [
      'src/modules/films/schemas.ts',
      'src/catalogue/movie-columns.ts',
      "import { x } from '../../catalogue/movie-columns.ts'",
    ],
    ['src/modules/films/schemas.ts', 'src/http/uploads.ts', "import { readFile } from '../../http/uploads.ts'"],
    ['src/modules/films/schemas.ts', 'src/modules/films/service.ts', "import { x } from './service.ts'"],
    ['src/modules/films/csv/schemas.ts', 'src/modules/films/csv/rows.ts', "import { x } from './rows.ts'"],
    ['src/modules/films/repository.ts', 'src/errors.ts', "import { AppError } from '../../errors.ts'"],
    ['src/modules/films/repository.ts', 'src/modules/films/schemas.ts', "import { Film } from './schemas.ts'"],
    ['src/modules/films/repository.ts', 'src/modules/films/service.ts', "import { x } from './service.ts'"],
    ['src/modules/films/repository.ts', 'src/cache/cache.ts', "import { x } from '../../cache/cache.ts'"],
    ['src/modules/films/repository.ts', 'fastify', "import Fastify from 'fastify'"],
    ['src/modules/films/page-query.ts', 'src/modules/films/schemas.ts', "import { Film } from './schemas.ts'"],
    ['src/modules/films/csv/plan-repository.ts', 'src/errors.ts', "import { AppError } from '../../../errors.ts'"],
    [
      'src/modules/films/service.ts',
      'src/http/pagination-links.ts',
      "import { pageLinks } from '../../http/pagination-links.ts'",
    ],
    ['src/modules/films/service.ts', 'src/db/connect.ts', "import { connect } from '../../db/connect.ts'"],
    [
      'src/modules/films/service.ts',
      'src/catalogue/film-filter.ts',
      "import { where } from '../../catalogue/film-filter.ts'",
    ],
    ['src/modules/films/service.ts', 'drizzle-orm', "import { eq } from 'drizzle-orm'"],
    ['src/modules/films/service.ts', 'fastify', "import { FastifyRequest } from 'fastify'"],
    ['src/modules/films/service.ts', 'src/kinopoisk/gateway.ts', "import { x } from '../../kinopoisk/gateway.ts'"],
    ['src/modules/films/service.ts', 'src/modules/genres/service.ts', "import { x } from '../genres/service.ts'"],
    ['src/modules/films/service.ts', 'src/modules/genres/repository.ts', "import { x } from '../genres/repository.ts'"],
    [
      'src/modules/films/csv/rows.ts',
      'src/modules/lists/transfer/csv.ts',
      "import { x } from '../../lists/transfer/csv.ts'",
    ],
    ['src/modules/films/routes.ts', 'drizzle-orm/pg-core', "import { x } from 'drizzle-orm/pg-core'"],
    ['src/modules/films/routes.ts', 'undici', "import { request } from 'undici'"],
    ['src/modules/films/routes.ts', 'src/db/connect.ts', "import { connect } from '../../db/connect.ts'"],
    ['src/modules/films/routes.ts', 'src/text/names.ts', "import { x } from '../../text/names.ts'"],
    ['src/modules/films/routes.ts', 'src/plugins/etag.ts', "import { x } from '../../plugins/etag.ts'"],
    ['src/modules/films/routes.ts', 'src/modules/genres/repository.ts', "import { x } from '../genres/repository.ts'"],
    [
      'src/modules/films/routes.ts',
      'src/modules/genres/service.ts',
      "import { a, type B } from '../genres/service.ts'",
    ],
    ['src/modules/films/service.ts', 'src/plugins/db.ts', "const db = await import('../../plugins/db.ts')"],
    ['src/db/page.ts', 'src/app.ts', "export { buildApp } from '../app.ts'"],
    ['src/db/page.ts', 'src/app.ts', "import {\n  buildApp,\n  type Edges,\n} from '../app.ts'"],
  ])('that %s imports %s', (path, target, text) => {
    expect(breaksOf(path, text)).toEqual([`${path} must not import ${target}`])
  })

  test('that only types of another repository are imported, which is as wrong', () => {
    const text = "import type { FilmRepository } from '../films/repository.ts'"
    expect(breaksOf('src/modules/lists/service.ts', text)).toEqual([
      'src/modules/lists/service.ts must not import types of src/modules/films/repository.ts',
    ])
  })

  test('that only types of the gateway are imported by routes, which is as wrong', () => {
    const text = "import type { Gateway } from '../../kinopoisk/gateway.ts'"
    expect(breaksOf('src/modules/films/routes.ts', text)).toEqual([
      'src/modules/films/routes.ts must not import types of src/kinopoisk/gateway.ts',
    ])
  })

  test('that files import each other in a circle, over others, and by types alone', () => {
    const sources = [
      { path: 'src/text/a.ts', text: "import { b } from './b.ts'" },
      { path: 'src/text/b.ts', text: "import type { C } from './c.ts'" },
      { path: 'src/text/c.ts', text: "export { a } from './a.ts'" },
      { path: 'src/text/d.ts', text: "import { a } from './a.ts'" },
      { path: 'test/x.ts', text: "import './y.ts'" },
      { path: 'test/y.ts', text: "const { x } = await import('./x.ts')" },
    ]
    expect(breaksIn(sources).filter((each) => each.includes('circle'))).toEqual([
      'src/text/a.ts, src/text/b.ts, src/text/c.ts: a circle of imports',
      'test/x.ts, test/y.ts: a circle of imports',
    ])
  })

  test.each([
    ['src/main.ts', 'has no place in the architecture', ''],
    ['src/utils/text.ts', 'has no place in the architecture', ''],
    ['src/db/connect.ts', 'uses the type any', 'const rows: any = 1'],
    ['src/db/connect.ts', 'uses the type any', 'const rows = value as any'],
    ['test/films.test.ts', 'uses the type any', 'const rows: any[] = []'],
    ['bench/load.ts', 'uses the type any', 'const rows = new Map<string, any>()'],
    ['src/db/connect.ts', 'uses the type any', 'type Row = any'],
    ['src/db/connect.ts', 'uses the type any', 'const read = (row?: any) => row'],
    ['src/db/connect.ts', 'uses the type any', 'let read: (row: string) => any'],
    ['src/db/connect.ts', 'reads process.env', 'const url = process.env.DATABASE_URL'],
    ['src/db/connect.ts', 'reads process.env', "const url = process['env'].DATABASE_URL"],
    ['src/db/connect.ts', 'reads process.env', "import { env } from 'node:process'"],
    ['src/db/connect.ts', 'reads process.env', 'process.loadEnvFile()'],
    ['src/db/connect.ts', 'is longer than 250 lines', 'x\n'.repeat(251)],
    ['src/modules/films/index.ts', 'is a barrel', ''],
    ['src/db/schema/all.ts', 'is a barrel', "export * from './films.ts'"],
    ['src/plugins/db.ts', 'makes a Fastify of its own', 'const app = Fastify({})'],
  ])('that %s %s', (path, fault, text) => {
    expect(breaksOf(path, text)).toEqual([`${path} ${fault}`])
  })
})

describe('The checker lets pass', () => {
  test.each([
    ['src/server.ts', "import { prepareDatabase } from './db/prepare.ts'\nimport { report } from './instrument.ts'"],
    ['src/cli.ts', "await import('./server.ts')\nawait import('./commands/admin.ts')"],
    ['src/doctor/disk.ts', "import { x } from '../kinopoisk/http.ts'\nimport { y } from './finding.ts'"],
    ['src/app.ts', "import authPlugin from './plugins/auth.ts'\nconst app = Fastify({})"],
    ['src/app.ts', "import { createServices } from './services.ts'\nimport type { Config } from './config/config.ts'"],
    ['src/services.ts', "import { createFilmService } from './modules/films/service.ts'"],
    [
      'src/routes.ts',
      "import { x } from './modules/films/csv/import-routes.ts'\nimport type { S } from './services.ts'",
    ],
    ['src/config/config.ts', 'process.loadEnvFile()\nreturn process.env'],
    ['src/kinopoisk/layers/cache.ts', "import { x } from '../request.ts'\nimport { C } from '../../cache/cache.ts'"],
    ['src/modules/lists/service.ts', "import type { MovieService } from '../movies/service.ts'"],
    ['src/modules/lists/service.ts', "import { type A, type B } from '../movies/service.ts'"],
    ['src/modules/movies/service.ts', "import type { Gateway } from '../../kinopoisk/gateway.ts'"],
    ['src/modules/lists/schemas.ts', "import { Movie } from '../movies/schemas.ts'"],
    ['src/modules/films/csv/schemas.ts', "import { columns } from './format.ts'"],
    [
      'src/modules/films/repository.ts',
      "import { eq } from 'drizzle-orm'\nimport { x } from '../../catalogue/columns.ts'",
    ],
    ['src/modules/films/repository.ts', "import { createFilmPages } from './page-query.ts'"],
    ['src/modules/movies/search/repository.ts', "import { x } from '../list-membership.ts'"],
    ['src/modules/movies/search/local-search.ts', "import { distance } from '../../../text/edit-distance.ts'"],
    ['src/modules/movies/routes.ts', "import { pageLinks } from '../../http/pagination-links.ts'"],
    ['src/modules/films/routes.ts', "import formbody from '@fastify/formbody'\nimport { x } from './csv.ts'"],
    ['src/db/page.ts', "// import { buildApp } from '../app.ts'\n/* value as any */\nconst text = ': any'"],
    ['src/db/page.ts', 'const any = 1 // any, or none: any\nif (list.some((company) => company)) x()'],
    ['src/db/page.ts', 'const any = 1\nconst one = ok ? oneOf(1, any) : any\nexpect.any(Number)'],
    ['src/db/page.ts', 'x\n'.repeat(250)],
  ])('what is right in %s', (path, text) => {
    expect(breaksOf(path, text)).toEqual([])
  })
})
