import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { breaksIn, sourcesIn } from './support/architecture.ts'
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

describe('The checker sees', () => {
  test.each([
    ['src/config.ts', 'src/errors.ts', "import { AppError } from './errors.ts'"],
    ['src/errors.ts', 'src/db/errors.ts', "import { violated } from './db/errors.ts'"],
    ['src/links.ts', 'src/schemas.ts', "import { Page } from './schemas.ts'"],
    ['src/schemas.ts', 'src/modules/auth/schemas.ts', "import { Token } from './modules/auth/schemas.ts'"],
    ['src/server.ts', 'src/db/connect.ts', "import { connect } from './db/connect.ts'"],
    ['src/admin.ts', 'src/app.ts', "import { buildApp } from './app.ts'"],
    ['src/admin.ts', 'src/modules/users/repository.ts', "import { x } from './modules/users/repository.ts'"],
    ['src/instrument.ts', 'src/errors.ts', "import { AppError } from './errors.ts'"],
    ['src/app.ts', 'src/embedded/postgres.ts', "import { startPostgres } from './embedded/postgres.ts'"],
    ['src/app.ts', 'src/server.ts', "import './server.ts'"],
    ['src/app.ts', 'src/instrument.ts', "import { report } from './instrument.ts'"],
    ['src/db/connect.ts', 'src/config.ts', "import { loadConfig } from '../config.ts'"],
    ['src/db/schema/films.ts', 'src/errors.ts', "import { AppError } from '../../errors.ts'"],
    ['src/kinopoisk/cache.ts', 'src/plugins/db.ts', "import db from '../plugins/db.ts'"],
    ['src/kinopoisk/cache.ts', 'src/storage/s3.ts', "import { s3 } from '../storage/s3.ts'"],
    ['src/storage/s3.ts', 'src/config.ts', "import { loadConfig } from '../config.ts'"],
    ['src/embedded/postgres.ts', 'src/db/connect.ts', "import { connect } from '../db/connect.ts'"],
    ['src/plugins/auth.ts', 'src/plugins/db.ts', "import db from './db.ts'"],
    ['src/plugins/auth.ts', 'src/modules/auth/service.ts', "import { x } from '../modules/auth/service.ts'"],
    ['src/modules/films/schemas.ts', 'src/db/movies.ts', "import { x } from '../../db/movies.ts'"],
    ['src/modules/films/schemas.ts', 'src/modules/films/service.ts', "import { x } from './service.ts'"],
    ['src/modules/films/repository.ts', 'src/errors.ts', "import { AppError } from '../../errors.ts'"],
    ['src/modules/films/repository.ts', 'src/modules/films/schemas.ts', "import { Film } from './schemas.ts'"],
    ['src/modules/films/repository.ts', 'fastify', "import Fastify from 'fastify'"],
    ['src/modules/films/service.ts', 'src/links.ts', "import { pageLinks } from '../../links.ts'"],
    ['src/modules/films/service.ts', 'src/db/connect.ts', "import { connect } from '../../db/connect.ts'"],
    ['src/modules/films/service.ts', 'drizzle-orm', "import { eq } from 'drizzle-orm'"],
    ['src/modules/films/service.ts', 'fastify', "import { FastifyRequest } from 'fastify'"],
    ['src/modules/films/service.ts', 'src/kinopoisk/gateway.ts', "import { x } from '../../kinopoisk/gateway.ts'"],
    ['src/modules/films/service.ts', 'src/modules/genres/service.ts', "import { x } from '../genres/service.ts'"],
    ['src/modules/films/service.ts', 'src/modules/genres/repository.ts', "import { x } from '../genres/repository.ts'"],
    ['src/modules/films/csv.ts', 'src/modules/lists/csv.ts', "import { x } from '../lists/csv.ts'"],
    ['src/modules/films/routes.ts', 'drizzle-orm/pg-core', "import { x } from 'drizzle-orm/pg-core'"],
    ['src/modules/films/routes.ts', 'undici', "import { request } from 'undici'"],
    ['src/modules/films/routes.ts', 'src/db/connect.ts', "import { connect } from '../../db/connect.ts'"],
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
    ['src/server.ts', "import { migrate } from './db/migrate.ts'\nimport { report } from './instrument.ts'"],
    ['src/app.ts', "import authPlugin from './plugins/auth.ts'\nconst app = Fastify({})"],
    ['src/config.ts', 'process.loadEnvFile()\nreturn process.env'],
    ['src/modules/lists/service.ts', "import type { MovieService } from '../movies/service.ts'"],
    ['src/modules/lists/service.ts', "import { type A, type B } from '../movies/service.ts'"],
    ['src/modules/movies/service.ts', "import type { Gateway } from '../../kinopoisk/gateway.ts'"],
    ['src/modules/lists/schemas.ts', "import { Movie } from '../movies/schemas.ts'"],
    ['src/modules/films/repository.ts', "import { eq } from 'drizzle-orm'\nimport { x } from '../../db/movies.ts'"],
    ['src/modules/movies/routes.ts', "import { pageLinks } from '../../links.ts'"],
    ['src/modules/films/routes.ts', "import formbody from '@fastify/formbody'\nimport { x } from './csv.ts'"],
    ['src/db/page.ts', "// import { buildApp } from '../app.ts'\n/* value as any */\nconst text = ': any'"],
    ['src/db/page.ts', 'const any = 1 // any, or none: any\nif (list.some((company) => company)) x()'],
    ['src/db/page.ts', 'const any = 1\nconst one = ok ? oneOf(1, any) : any\nexpect.any(Number)'],
    ['src/db/page.ts', 'x\n'.repeat(250)],
  ])('what is right in %s', (path, text) => {
    expect(breaksOf(path, text)).toEqual([])
  })
})
