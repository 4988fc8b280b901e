import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parse } from 'csv-parse/sync'
import type { InjectOptions } from 'fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connect, type Database } from '../src/db/connect.ts'
import { openConnection } from '../src/db/copy/connection.ts'
import { isUnavailable } from '../src/db/errors.ts'
import { readAddresses } from '../src/db/pool/address.ts'
import { columns } from '../src/modules/films/csv/format.ts'
import { mustBeWebUrl } from '../src/text/web-url.ts'
import { as, password, type TestApp, type TestUser, testApp, testUser } from './support/app.ts'
import { slowUploads } from './support/crowds.ts'
import { expectProblem } from './support/movies.ts'
import { adminUser } from './support/operations.ts'

let service: TestApp
let database: Database
let user: TestUser
let admin: ReturnType<typeof as>
let adminToken: string

beforeAll(async () => {
  service = await testApp({}, { firstAdmin: { login: 'admin', password } })
  await service.app.listen({ port: 0 })
  database = connect(service.databaseUrl, { max: 2 })
  user = await testUser(service.app)
  const tokens = await service.app.inject({ method: 'POST', url: '/login', payload: { login: 'admin', password } })
  adminToken = tokens.json().access_token
  admin = as(service.app, { ...user, headers: { authorization: `Bearer ${adminToken}` } })
})
afterAll(async () => {
  await database?.close()
  await service?.close()
})
beforeEach(() => wipe())

async function wipe(): Promise<void> {
  const { sql } = database
  await sql`delete from ratings`
  await sql`delete from films`
  await sql`delete from directors`
  await sql`delete from genres`
  for (const table of ['films', 'directors', 'genres']) await sql`alter table ${sql(table)} alter id restart`
}

const short = 'name,genre,director,rate,year,minutes'

function form(content: string | Buffer<ArrayBuffer>, name = 'file'): InjectOptions {
  const body = new FormData()
  body.set(name, new File([content], 'films.csv', { type: 'text/csv' }))
  return { payload: body }
}

async function importCsv(content: string | Buffer<ArrayBuffer>, query = '') {
  return admin({ method: 'POST', url: `/films/import${query}`, ...form(content) })
}

async function exportCsv(query = ''): Promise<string> {
  const response = await as(service.app, user)({ method: 'GET', url: `/films/export.csv${query}` })
  expect(response.statusCode).toBe(200)
  return response.body
}

function read(csv: string): Record<string, string>[] {
  return parse(csv, { columns: true, bom: true })
}

/** A catalogue of what is hard to write into a CSV and to read out of it again. */
async function insertNasty(): Promise<void> {
  const { sql } = database
  await sql`insert into directors (name) values ('Иван, "Грозный"'), ('=director'), ('Тёзка'), ('Тёзка'), ('unused')`
  await sql`insert into genres (name) values ('драма'), ('a|b'), ('back\\slash'), ('=sum|\\'), ('''+'), ('end\\')`
  const texts = [
    'plain',
    'comma, "quotes" and ""doubled""',
    'two\nlines',
    'CR LF\r\nand CR\rand LF\n',
    '=1+1',
    '+7',
    '-1',
    '@here',
    '\ttab',
    '\rcr',
    "'quoted",
    "'=formula",
    "''=formula",
    '＝full width',
    'x;=1+1;y',
    "a;'=b;;＠c",
    "a,=b,'=c\n-d\r\n\t=e",
    "'''+formula",
    "'",
    "''",
    '🎬 эмодзи 👨‍👩‍👧',
    'Ёлки-палки',
    '\\.',
    '\\N',
    '"',
    ';',
    ' spaces ',
    '',
    null,
    'x'.repeat(9000),
  ]
  for (const [i, text] of texts.entries()) {
    const name = text?.trim() && !/[\t\r\n]/.test(text) && text.length < 100 ? `${text.trim()}` : `film ${i}`
    const url = text && `https://pictures.example/?${encodeURIComponent(text).slice(0, 2000)}`
    const [row] = await sql`
      insert into films (listed, name, original_name, director_id, rate, year, minutes, description, trailer, poster_url,
        created_at, updated_at)
      values (true, ${name}, ${text?.slice(0, 500) ?? null}, ${1 + (i % 4)}, ${(i * 1.37) % 10}, ${1900 + i}, ${60 + i}, ${text}, ${url}, ${url},
        ${`2020-01-01T00:00:00.${100 + i}Z`}, ${`2021-12-31T23:59:59.${100 + i}Z`})
      returning id`
    await sql`insert into film_genres (film_id, genre_id, position)
      select ${row?.id}, 1 + (${i}::int + n * 5) % 6, n from generate_series(0, ${i % 3}::int) n`
  }
  await sql`insert into films (id, listed, name, director_id, rate, year, minutes) values
    (301, true, 'Матрица', 1, null, 1999, null), (302, true, 'Ten', 1, 10, 1874, 1440), (303, false, 'known only', null, 5, null, null)`
  await sql`insert into film_genres (film_id, genre_id, position) values (301, 1, 0), (302, 2, 0), (302, 1, 1)`
}

describe('the export', () => {
  test('is RFC 4180 with the members of /films, by id, and not of films that are only known', async () => {
    await insertNasty()
    const csv = await exportCsv()
    expect(csv.startsWith(`\ufeff${columns.join(',')}\r\n`)).toBe(true)
    const strict = parse(csv, { columns: true, bom: true, record_delimiter: '\r\n' }) as Record<string, string>[]
    expect(strict).toHaveLength(32)
    expect(strict.map((row) => row.id)).toEqual(strict.map((row) => row.id).toSorted((a, b) => Number(a) - Number(b)))
    expect(strict[0]).toMatchObject({
      id: '301',
      name: 'Матрица',
      genre: 'драма',
      genres: 'драма',
      director_id: '1',
      director: 'Иван, "Грозный"',
      rate: '',
      year: '1999',
      kinopoisk_id: '301',
      user_rate: '',
      user_votes: '0',
    })
    expect(strict[1]).toMatchObject({ rate: '10', genres: 'a\\|b|драма', genre: 'a|b' })
    const plain = strict.find((row) => row.name === 'comma, "quotes" and ""doubled""')
    expect(plain).toMatchObject({
      rate: '1.37',
      kinopoisk_id: '',
      created_at: '2020-01-01T00:00:00.101Z',
      updated_at: '2021-12-31T23:59:59.101Z',
    })
    expect(await exportCsv('?bom=false')).toBe(csv.slice(1))
  })

  test('has semicolons and decimal commas for the Excel of many countries, an entity tag of its own, and is imported', {
    tags: 'slow',
  }, async () => {
    await insertNasty()
    const [commas, semicolons] = [await exportCsv(), await exportCsv('?delimiter=;')]
    const rows = parse(semicolons, { columns: true, bom: true, delimiter: ';' }) as Record<string, string>[]
    expect(rows.map((row) => ({ ...row, rate: row.rate?.replace(',', '.') }))).toEqual(read(commas))
    expect(rows.filter((row) => /^\d,\d/.test(row.rate ?? '')).length).toBeGreaterThan(10)
    const etag = async (query: string) =>
      (await as(service.app, user)({ method: 'HEAD', url: `/films/export.csv${query}` })).headers.etag
    expect(new Set([await etag(''), await etag('?delimiter=;'), await etag('?delimiter=;&bom=false')]).size).toBe(3)
    expect(await etag('?delimiter=,')).toBe(await etag(''))
    expect((await importCsv(semicolons)).json()).toMatchObject({ created: 0, updated: 0, skipped: 32, errors: [] })
    await wipe()
    expect((await importCsv(semicolons)).json()).toMatchObject({ created: 32, errors: [] })
    expect(await exportCsv()).toBe(commas)
  })

  test('leaves no cell that a spreadsheet would take for a formula', async () => {
    await insertNasty()
    for (const row of read(await exportCsv())) {
      for (const cell of Object.values(row)) expect(cell).not.toMatch(/(^|[;,\t\r\n])[=+\-@＝＋－＠\t\r]/)
    }
    expect(read(await exportCsv()).map((row) => row.description)).toEqual(
      expect.arrayContaining(["'=1+1", "'＝full width", "x;'=1+1;y", "''=formula", "'quoted", "'", "'\ttab", "'\rcr"]),
    )
  })

  test('has the headers of a download, and HEAD has them without one', async () => {
    const get = await as(service.app, user)({ method: 'GET', url: '/films/export.csv' })
    expect(get.headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8; header=present',
      'content-disposition': expect.stringMatching(/^attachment; filename="films-\d{4}-\d\d-\d\d\.csv"$/),
      'cache-control': 'private, no-cache',
    })
    expect(get.body).toBe(`\ufeff${columns.join(',')}\r\n`)
    const head = await as(service.app, user)({ method: 'HEAD', url: '/films/export.csv' })
    expect(head.statusCode).toBe(200)
    expect(head.body).toBe('')
    expect(head.headers['content-type']).toBe(get.headers['content-type'])
    expect(head.headers['content-length']).toBeUndefined()
  })

  test('needs a token and knows its parameters', async () => {
    expectProblem(await service.app.inject({ method: 'GET', url: '/films/export.csv' }), 401, 'missing_token')
    const wrong = await as(service.app, user)({ method: 'GET', url: '/films/export.csv?limit=5' })
    expectProblem(wrong, 400, 'invalid_input')
  })

  test('answers with a problem when it fails before its first byte', async () => {
    await database.sql`alter table films rename to gone`
    try {
      const response = await as(service.app, user)({ method: 'GET', url: '/films/export.csv' })
      expectProblem(response, 500, 'internal_error')
      expect(response.headers['content-disposition']).toBeUndefined()
    } finally {
      await database.sql`alter table gone rename to films`
    }
  })
})

describe('The entity tag of the export', () => {
  const get = (headers = {}, query = '') =>
    as(service.app, user)({ method: 'GET', url: `/films/export.csv${query}`, headers })
  const tag = async () => (await get()).headers.etag as string

  test('gets 304 as long as nothing has changed', { tags: 'slow' }, async () => {
    await insertNasty()
    const etag = await tag()
    expect(etag).toMatch(/^"[\w-]{22}"$/)
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const response = await get({ 'if-none-match': known })
      expect([response.statusCode, response.body, response.headers.etag]).toEqual([304, '', etag])
      expect(response.headers).not.toHaveProperty('content-type')
      expect(response.headers).not.toHaveProperty('content-disposition')
    }
    const head = await as(service.app, user)({ method: 'HEAD', url: '/films/export.csv' })
    expect(head.headers.etag).toBe(etag)
    expect((await get({ 'if-none-match': '"other"' })).body).toBe(await exportCsv())
    expect((await get({ 'if-none-match': etag }, '?bom=false')).statusCode).toBe(200)
    const without = (await get({}, '?bom=false')).headers.etag
    expect((await get({ 'if-none-match': without }, '?bom=false')).statusCode).toBe(304)
  })

  test('is another one after whatever changes the file, and not after what has nothing to do with it', {
    tags: 'slow',
  }, async () => {
    await insertNasty()
    const own = 1_000_000_000
    const call = async (method: 'PATCH' | 'PUT' | 'POST' | 'DELETE', url: string, payload?: object) => {
      const response = await admin({ method, url, ...(payload && { payload }) })
      expect([url, Math.floor(response.statusCode / 100)]).toEqual([url, 2])
    }
    const changes: Record<string, () => Promise<void>> = {
      'a film': () => call('PATCH', `/films/${own}`, { year: 1990 }),
      'the genres of a film alone': () => call('PATCH', `/films/${own}`, { genres: ['новый'] }),
      'the name of a genre': () => call('PATCH', '/genres/1', { name: 'драмы' }),
      'the name of a director': () => call('PATCH', '/directors/1', { name: 'Иван' }),
      'a rating': () => call('PUT', `/films/${own}/rating`, { value: 7 }),
      'another rating': () => call('PUT', `/films/${own}/rating`, { value: 8 }),
      'a film that leaves': () => call('DELETE', `/films/${own}`),
      'a film that comes': () =>
        call('POST', '/films', { name: 'Fresh', genres: ['новый'], director_id: 1, year: 2000, minutes: 90, rate: 5 }),
      'an import': async () => void (await importCsv(`${short}\nImported,драмы,Иван,5,2000,90\n`)),
    }
    const seen = [await tag()]
    for (const [name, change] of Object.entries(changes)) {
      await change()
      const etag = await tag()
      expect(seen, name).not.toContain(etag)
      seen.push(etag)
      expect((await get({ 'if-none-match': seen.at(-2) })).statusCode).toBe(200)
    }
    await database.sql`insert into films (id, name) values (304, 'known only')`
    await database.sql`insert into film_genres values (304, 1, 0)`
    await testUser(service.app)
    expect(await tag()).toBe(seen.at(-1))
  })
})

describe('the import', () => {
  test('brings a wiped catalogue back, byte for byte', { tags: 'slow' }, async () => {
    await insertNasty()
    const before = await exportCsv()
    await wipe()
    expect((await importCsv(before)).json()).toEqual({
      ...{ rows: 32, created: 32, updated: 0, skipped: 0, failed: 0 },
      ...{ errors_total: 0, errors: [], changes: [], dry_run: false },
    })
    expect(await exportCsv()).toBe(before)
    // New films and directors get ids behind those of the file.
    const more = await importCsv(`${short}\nNew,драма,Новый,7,2000,90\n`)
    expect(more.json()).toMatchObject({ created: 1, errors: [] })
    expect(read(await exportCsv()).at(-1)).toMatchObject({ id: '1000000030', name: 'New', director_id: '5' })
  })

  test('of the same file again changes nothing', async () => {
    await insertNasty()
    const before = await exportCsv()
    const marks = () => database.sql`select id, xmin::text from films order by id`
    const rows = await marks()
    expect((await importCsv(before)).json()).toMatchObject({ created: 0, updated: 0, skipped: 32, errors_total: 0 })
    expect(await marks()).toEqual(rows)
    expect(await exportCsv()).toBe(before)
  })

  test('takes any order of columns, LF, CR LF, semicolons, a decimal comma, and blank lines also before the header', async () => {
    const csv =
      '\ufeff\r\n\r\nYear;NAME;genres;director;minutes;rate\r\n1999;Матрица;драма|Боевик;Лана;136;8,5\r\n;;;;;\r\n\n2003; Он  лайн ;ДРАМА;лана;100;7\n'
    expect((await importCsv(csv)).json()).toMatchObject({ created: 2, updated: 0, errors: [] })
    const rows = read(await exportCsv())
    expect(rows).toMatchObject([
      { id: '1000000000', name: 'Матрица', rate: '8.5', genres: 'драма|Боевик', director_id: '1' },
      { id: '1000000001', name: 'Он лайн', genres: 'драма', director: 'Лана', director_id: '1' },
    ])
    expect((await importCsv(csv)).json()).toMatchObject({ created: 0, updated: 0, skipped: 2 })
  })

  test('updates by id and by name, clears empty cells, leaves absent columns', async () => {
    await importCsv(`${short},description,trailer\nOne,g,d,1,2000,90,text,http://t\nTwo,g,d,2,2000,90,text,http://t\n`)
    const changed = await importCsv(
      `${short},id,description\nUno,g|,d,1.5,2000,90,1000000000,\nTWO,h,e,2,2001,90,,new\n`,
    )
    expect(changed.json()).toMatchObject({ created: 0, updated: 2, skipped: 0, errors: [] })
    expect(read(await exportCsv())).toMatchObject([
      { id: '1000000000', name: 'Uno', genres: 'g\\|', rate: '1.5', description: '', trailer: 'http://t' },
      { id: '1000000001', name: 'TWO', genres: 'h', director: 'e', year: '2001', description: 'new' },
    ])
  })

  test('lists a film that was only known, and makes unknown films under their ids', async () => {
    await database.sql`insert into films (id, name, description) values (301, 'Matrix', 'told by Kinopoisk')`
    const csv = `${short},id,kinopoisk_id\nМатрица,g,d,8,1999,136,,301\nOwn,g,d,8,1999,136,1000000500,\nKnown,g,d,,1999,,302,302\n`
    expect((await importCsv(csv)).json()).toMatchObject({ created: 3, errors: [] })
    expect(read(await exportCsv())).toMatchObject([
      { id: '301', name: 'Матрица', description: 'told by Kinopoisk' },
      { id: '302', rate: '', minutes: '' },
      { id: '1000000500', kinopoisk_id: '' },
    ])
    expect((await importCsv(`${short}\nNext,g,d,8,1999,136\n`)).json()).toMatchObject({ created: 1 })
    expect(read(await exportCsv()).at(-1)?.id).toBe('1000000501')
  })

  test('tells each bad row by number and column, and takes the others', async () => {
    await importCsv(`${short}\nTaken,g,d,1,2000,90\n`)
    const rows = [
      'Good,g,d,8,2000,90,,,',
      ',g,d,8,2000,90,,,',
      'Bad numbers,g,d,11,1700,0,,,',
      'Three decimals,g,d,8.123,2000.5,1e2,,,',
      'No genre,,d,8,2000,90,,,',
      'No director,g,,8,2000,90,,,',
      'No numbers,g,d,,,,,,',
      'Short,g,d',
      'good,g,d,8,2000,90,,,',
      'Unknown director,g,,8,2000,90,,77,',
      'TAKEN,g,d,8,2000,90,1000000077,,',
      'Id too high,g,d,8,2000,90,2000000001,,',
      'Same id,g,d,8,2000,90,5,,',
      'Same id again,g,d,8,2000,90,5,,',
      'Bad time,g,d,8,2000,90,,,2020-02-31T00:00:00Z',
      'Genre twice,g,d,8,2000,90,,,',
      `${'x'.repeat(501)},g,d,8,2000,90,,,`,
      'NUL \0,g,d,8,2000,90,,,',
      'Good too,g,d,8,2000,90,,,',
    ]
    const response = await importCsv(`${short},id,director_id,created_at\n${rows.join('\n')}\n`)
    const { errors, ...counts } = response.json()
    expect(counts).toEqual({
      ...{ rows: 19, created: 4, updated: 0, skipped: 0, failed: 15, errors_total: 15 },
      ...{ changes: [], dry_run: false },
    })
    expect(
      Object.fromEntries(errors.map((error: { row: number; message: string }) => [error.row, error.message])),
    ).toEqual({
      3: 'name is empty',
      4:
        'rate must be a number from 0 to 10 with at most 2 decimals, not "11"; year must be an integer from 1888 to ' +
        `${new Date().getUTCFullYear() + 10}, not "1700"; minutes must be an integer from 1 to 1440, not "0"`,
      5: expect.stringMatching(/^rate .*; year .*; minutes /),
      6: 'genres is empty',
      7: 'director is empty',
      8: 'year is empty; rate is empty; minutes is empty',
      9: 'the row has 3 cells and the header 9',
      10: 'name: the same as in row 2',
      11: 'director_id: there is no director 77, and director is empty',
      12: 'name: the film 1000000000 has it',
      13: 'id must be an integer from 1 to 2000000000, not "2000000001"',
      15: 'id: the same as in row 14',
      16: expect.stringContaining('created_at must be a time'),
      18: 'name is longer than 500 characters',
      19: 'name must not contain NUL',
    })
  })

  test('takes only addresses of the web, and no film of more than a day, whether it is new or not', async () => {
    const header = `${short},id,trailer,poster_url`
    const rows = [
      'Fine,g,d,8,2000,1440,,https://trailer.example/?a=1&b=2,',
      'Script,g,d,8,2000,90,,javascript:alert(1),',
      'Path,g,d,8,2000,90,301,,/images/301.jpg',
      'User,g,d,8,2000,90,,,https://me:secret@posters.example/1.jpg',
      'Long,g,d,8,2000,1441,302,,',
    ]
    const { created, errors } = (await importCsv(`${header}\n${rows.join('\n')}\n`)).json()
    expect(created).toBe(1)
    expect(errors).toEqual([
      { row: 3, message: `trailer ${mustBeWebUrl}` },
      { row: 4, message: `poster_url ${mustBeWebUrl}` },
      { row: 5, message: `poster_url ${mustBeWebUrl}` },
      { row: 6, message: 'minutes must be an integer from 1 to 1440, not "1441"' },
    ])
  })

  test('keeps the first 100 errors and counts all', async () => {
    const csv = `${short}\n${Array.from({ length: 250 }, (_, i) => `n${i},g,d,x,2000,90`).join('\n')}`
    const report = (await importCsv(csv)).json()
    expect(report.errors_total).toBe(250)
    expect(report.errors).toHaveLength(100)
    expect(report.errors.at(-1).row).toBe(101)
  })

  test('lets films swap names, and refuses all of a chain that ends at a taken one', async () => {
    await importCsv(`${short}\nA,g,d,1,2000,90\nB,g,d,1,2000,90\nC,g,d,1,2000,90\nD,g,d,1,2000,90\n`)
    const csv = `id,${short}\n1000000000,B,g,d,1,2000,90\n1000000001,a,g,d,1,2000,90\n`
    expect((await importCsv(csv, '?dry_run')).json()).toMatchObject({ updated: 2, errors: [] })
    expect((await importCsv(csv)).json()).toMatchObject({ updated: 2, errors: [] })
    expect(read(await exportCsv()).map((row) => row.name)).toEqual(['B', 'a', 'C', 'D'])
    const chain = `id,${short}\n,New owner of a,g,d,1,2000,90\n1000000001,B,g,d,1,2000,90\n1000000000,C,g,d,1,2000,90\n`
    expect((await importCsv(chain)).json()).toMatchObject({
      created: 1,
      updated: 0,
      errors: [
        { row: 3, message: 'name: the film 1000000000 has it' },
        { row: 4, message: 'name: the film 1000000002 has it' },
      ],
    })
  })

  test('tells namesakes among directors apart, and keeps to known ones', async () => {
    await database.sql`insert into directors (name) values ('Тёзка'), ('Другой')`
    const csv = `${short},director_id\nA,g,тёзка,1,2000,90,1\nB,g,Тёзка,1,2000,90,7\nC,g,Тёзка,1,2000,90,\nD,g,Новый,1,2000,90,2\nE,g,,1,2000,90,2\n`
    expect((await importCsv(csv)).json()).toMatchObject({ created: 5, errors: [] })
    const rows = read(await exportCsv())
    expect(rows.map((row) => row.director_id)).toEqual(['1', '7', '1', '8', '2'])
    expect((await importCsv(csv)).json()).toMatchObject({ created: 0, updated: 0, skipped: 5 })
  })

  test('tells in a dry run just what it would do, and does nothing', async () => {
    await insertNasty()
    const before = await exportCsv()
    const csv = `${short},id\nNew,new genre,new director,1,2000,90,\nNEW,g,d,1,2000,90,\nРеволюция,драма,d,1,2000,90,301\nbad,g,d,x,2000,90,\n,,,,,,\nFar,g,d,1,2000,90,1000009000\n`
    const dry = await importCsv(csv, '?dry_run=true')
    expect(dry.json()).toMatchObject({ created: 2, updated: 1, skipped: 0, errors_total: 2, dry_run: true })
    expect(await exportCsv()).toBe(before)
    const [counts] =
      await database.sql`select (select count(*)::int from directors) as directors, (select count(*)::int from genres) as genres,
      pg_sequence_last_value('films_id_seq')::int as last`
    expect(counts).toEqual({ directors: 5, genres: 6, last: 1_000_000_029 })
    const real = await importCsv(csv)
    expect(real.json()).toEqual({ ...dry.json(), changes: [], dry_run: false })
  })

  test('ends at broken quotes, with what stands before them', { tags: 'slow' }, async () => {
    const good = Array.from({ length: 1200 }, (_, i) => `film ${i},g,d,1,2000,90`).join('\n')
    for (const [broken, told] of [
      ['"a"b,g,d,1,2000,90\nafter,g,d,1,2000,90\n', /quotes are broken/],
      ['a "b",g,d,1,2000,90\nafter,g,d,1,2000,90\n', /quotes are broken/],
      ['"never closed,g,d,1,2000,90\nafter,g,d,1,2000,90\n', /never closed/],
      [`"${'x'.repeat(2_000_000)}",g,d,1,2000,90\nafter,g,d,1,2000,90\n`, /longer than 1 MiB/],
    ] as const) {
      await wipe()
      const report = (await importCsv(`${short}\n${good}\n${broken}`)).json()
      expect(report).toMatchObject({ created: 1200, errors_total: 1 })
      expect(report.errors).toEqual([{ row: 1202, message: expect.stringMatching(told) }])
    }
  })

  test('refuses what is no CSV of films', async () => {
    for (const [content, told] of [
      ['', /empty/],
      [
        Buffer.from('504b0304140000000800', 'hex'),
        /an archive, or a workbook such as \.xlsx: .* save it as "CSV UTF-8"/,
      ],
      [Buffer.from('\ufeffname,genre', 'utf16le'), /no column director or director_id/],
      [Buffer.from('name,genre', 'utf16le'), /no text in UTF-8: .* UTF-16 without its byte order mark/],
      [Buffer.from(`${short}\nAmélie,g,d,8,2001,120\n`, 'latin1'), /not UTF-8 \(line 2, behind "Am"\)/],
      [Buffer.from('%PDF-1.7 name'), /a PDF document, not a table/],
      ['{"name": "x"}', /unknown column|cannot be read/],
      [`${short},colour\nx,g,d,1,2000,90,red\n`, /unknown column "colour"; known are id, name/],
      ['name,genre\nx,g\n', /no column director or director_id, rate, year, minutes; known are/],
      [`${short},name\n`, /column name twice/],
      ['"name\n', /cannot be read/],
    ] as const) {
      const response = await importCsv(content)
      expectProblem(response, 400, 'invalid_csv')
      expect(response.json().detail).toMatch(told)
    }
    expect(read(await exportCsv())).toEqual([])
  })

  test('is for administrators, and takes one file named file of a form', async () => {
    const others = await as(service.app, user)({ method: 'POST', url: '/films/import', ...form(`${short}\n`) })
    expectProblem(others, 403, 'forbidden')
    const nobody = await service.app.inject({ method: 'POST', url: '/films/import', ...form(`${short}\n`) })
    expectProblem(nobody, 401, 'missing_token')
    for (const type of ['text/csv', 'application/json', 'application/x-www-form-urlencoded']) {
      const headers = { 'content-type': type }
      const response = await admin({ method: 'POST', url: '/films/import', headers, payload: 'x=1' })
      expectProblem(response, 415, 'unsupported_media_type')
    }
    expectProblem(await admin({ method: 'POST', url: '/films/import' }), 400, 'invalid_input')
    expectProblem(await admin({ method: 'POST', url: '/films/import', ...form(short, 'csv') }), 400, 'invalid_input')
    const two = new FormData()
    two.append('file', new File([`${short}\n`], 'a.csv'))
    two.append('file', new File([`${short}\n`], 'b.csv'))
    expectProblem(await admin({ method: 'POST', url: '/films/import', payload: two }), 400, 'invalid_input')
    expectProblem(await importCsv(`${short}\n`, '?dry=1'), 400, 'invalid_input')
  })

  test('refuses a file of more than 1 GiB before it comes', async () => {
    const { port } = service.app.server.address() as AddressInfo
    const headers = {
      authorization: `Bearer ${adminToken}`,
      'content-type': 'multipart/form-data; boundary=x',
      'content-length': 2 ** 31,
    }
    const request = httpRequest({ port, host: '127.0.0.1', method: 'POST', path: '/films/import', headers })
    request.on('error', () => {}).write('--x\r\n')
    const [response] = await once(request, 'response')
    expect(response.statusCode).toBe(413)
    request.destroy()
  })

  test('that comes slowly holds up nobody but its sender', async () => {
    const { port } = service.app.server.address() as AddressInfo
    const slow = slowUploads(`http://127.0.0.1:${port}`, 10, '/films/import', { authorization: `Bearer ${adminToken}` })
    await expect.poll(slow.answered).toBe(8)
    expect((await importCsv(`${short}\n`)).json().detail).toMatch(/^Other uploads of yours are under way/)
    const other = as(service.app, await adminUser(service.app))
    const answer = await other({ method: 'POST', url: '/films/import', ...form(`${short}\n`) })
    slow.stop()
    expect(answer.statusCode).toBe(200)
    await expect.poll(async () => (await importCsv(`${short}\n`)).statusCode).toBe(200)
  })

  test('runs once at a time', { tags: 'slow' }, async () => {
    await database.sql.begin(async (sql) => {
      await sql`select pg_advisory_xact_lock(7300159)`
      expectProblem(await importCsv(`${short}\n`), 409, 'import_running')
    })
    const csv = `${short}\n${Array.from({ length: 3000 }, (_, i) => `n${i},g,d,5,2000,90`).join('\n')}`
    const both = await Promise.all([importCsv(csv), importCsv(csv)])
    expect(both.map((response) => response.statusCode).toSorted()).toEqual([200, 409])
    for (let i = 0; i < 5; i++) expect((await importCsv(csv, '?dry_run')).statusCode).toBe(200)
  })
})

describe('the address of the database', () => {
  test('is read as libpq and the pool read it', () => {
    expect(readAddresses('postgres://u@localhost/db?host=/run/pg')).toEqual([
      { user: 'u', database: 'db', host: '/run/pg', port: 5432 },
    ])
    expect(readAddresses('postgresql://us%40er:p%3Aw@a,b:5433,[::1]:5434/db?sslmode=require')).toEqual(
      [
        { host: 'a', port: 5432 },
        { host: 'b', port: 5433 },
        { host: '::1', port: 5434 },
      ].map((host) => ({
        ...host,
        user: 'us@er',
        password: 'p:w',
        database: 'db',
        ssl: { rejectUnauthorized: false },
        isSslOptional: false,
      })),
    )
    expect(readAddresses('postgres://h/db')).toEqual([
      { host: 'h', port: 5432, database: 'db', ssl: false, isSslOptional: false },
    ])
    expect(readAddresses('postgres://u:p@ss@h/%D0%B1?sslmode=require&host=%2Frun')).toEqual([
      { user: 'u', password: 'p@ss', database: 'б', host: '/run', port: 5432 },
    ])
    expect(() => readAddresses('postgres://u:hunter2@h')).toThrow(/^The URL of the database cannot be read$/)
  })

  test('may name several servers: the first that can be reached is taken', async () => {
    const url = new URL(service.databaseUrl)
    const socket = url.searchParams.get('host') ?? ''
    const { user = '' } = readAddresses(service.databaseUrl)[0] ?? {}
    const several = `postgres://${user}@127.0.0.1:1,${encodeURIComponent(socket)}${url.pathname}`
    const session = await openConnection(several, { statementTimeoutMs: 1000 })
    expect(await session.query('select 1 as one')).toEqual([{ one: 1 }])
    session.close()
    await expect(openConnection(`postgres://127.0.0.1:1/db`, { statementTimeoutMs: 1000 })).rejects.toSatisfy(
      isUnavailable,
    )
  })
})
