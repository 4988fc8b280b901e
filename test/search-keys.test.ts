import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { searchRequest } from '../src/kinopoisk/endpoints.ts'
import { toSearchKey } from '../src/text/search-key.ts'
import { as, type TestApp, testApp, testUser } from './support/app.ts'

describe('The key of a search', () => {
  test.each([
    ...['«Матрица»', '"Матрица"', '“Матрица”', '„Матрица“', '„Матрица”', '‘Матрица’', "'Матрица'", '‹Матрица›'],
    ...['[Матрица]', '(Матрица)', '{Матрица}', '<Матрица>', '([«Матрица»])', '« Матрица »', '«Матрица».', '«Матрица!»'],
    ...['Матрица', '  МАТРИЦА\t', 'Матрица?!', 'Матрица…', 'Матрица ,', 'Матрица\u200b', '\ufeffМатрица'],
    ...['Мат\u00adрица', '\u202aМатрица\u202c', 'Мат\u200dрица', '\u2066«\u200bМатрица»\u2069', 'Матрица\u0007'],
  ])('%j is матрица', (query) => {
    expect(toSearchKey(query)).toBe('матрица')
  })

  test.each([
    ['матрица (1999)', 'матрица (1999)'],
    ['(500) дней лета', '(500) дней лета'],
    ['(a) или (b)', '(a) или (b)'],
    ['«Ирония» и «Гараж»', '«ирония» и «гараж»'],
    ['"a" и "b"', '"a" и "b"'],
    ['«Матрица', '«матрица'],
    ['Матрица»', 'матрица»'],
    ['«Матрица"', '«матрица"'],
    ['(Матрица]', '(матрица]'],
    ['100%', '100%'],
    ['100%!', '100%'],
    ['[REC]', 'rec'],
    ['М*А*Ш', 'м*а*ш'],
    ["'70s", "'70s"],
    ['Брат-2', 'брат-2'],
    ['S.W.A.T.', 's.w.a.t'],
    ['Кто там?', 'кто там'],
    ['?', '?'],
    ['!!!', '!!!'],
    ['«»', '«»'],
    ['""', '""'],
    ['(…)', '(…)'],
    ['\u200b', '\u200b'],
    ['\u{1f468}\u200d\u{1f469}\u200d\u{1f467}', '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}'],
    ['❤\ufe0f', '❤'],
    ['e\u0301', 'é'],
  ])('of %j is %j', (query, key) => {
    expect(toSearchKey(query)).toBe(key)
  })

  test('is its own key, never empty, and never longer', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'аб1%«»"()[]„“”\'!?., \u200b\u200d🎬') }), (query) => {
        const key = toSearchKey(query)
        expect(toSearchKey(key)).toBe(key)
        expect(key === '').toBe(query.trim() === '')
        expect(key.length).toBeLessThanOrEqual(query.trim().length)
      }),
    )
  })
})

describe('GET /movies/search', () => {
  let service: TestApp
  let get: (query: string) => ReturnType<ReturnType<typeof as>>
  beforeAll(async () => {
    service = await testApp({ KINOPOISK_TIMEOUT: '1m' })
    const request = as(service.app, await testUser(service.app))
    get = (query) => request({ method: 'GET', url: '/movies/search', query: { query } })
  })
  afterAll(() => service.close())

  const keywordOf = (path: string) => new URL(path, 'http://upstream').searchParams.get('keyword')

  test('asks once for what is one question, and each echoes its own words', async () => {
    const before = service.calls.length
    for (const query of ['«Матрица»', '"Матрица"', 'Матрица', 'Матрица\u200b', '\ufeff„матрица“!']) {
      const response = (await get(query)).json()
      expect(response).toMatchObject({ query: query.trim(), source: 'kinopoisk' })
      expect(response.items[0].id).toBe(301)
    }
    expect(service.calls.slice(before).map(({ path }) => keywordOf(path))).toEqual(['матрица'])
  })

  test.each([
    ['[REC]', 'rec'],
    ['матрица (1999)', 'матрица (1999)'],
    ['100%', '100%'],
    ['«Матрица', '«матрица'],
    ['İçerde', 'içerde'],
    ['I\u0307çerde', 'içerde'],
  ])('sends %s as %s', async (query, sent) => {
    await get(query)
    expect(keywordOf(service.calls.at(-1)?.path ?? '')).toBe(sent)
  })
})

describe('What is stored under a key of old', () => {
  /** As keys were made before: punctuation at the end was cut, halves of pairs with it. */
  function oldKey(query: string): string {
    const key = query.normalize('NFC').trim().replace(/\s+/g, ' ').toLowerCase()
    return key.replace(/[\s\p{P}]+$/u, '') || key
  }

  let service: TestApp
  beforeAll(async () => {
    service = await testApp()
  })
  afterAll(() => service.close())

  const pathOf = (key: string) => searchRequest(key, 1).path
  const sql = () => service.app.database.sql
  const store = (key: string, day: number, body: string | null = `{"day":${day}}`) => sql()`
    insert into kinopoisk_answers (path, status, body, fetched_at, expires_at) values
    (${pathOf(key)}, ${body === null ? 404 : 200}, ${body}, ${`2026-11-0${day}`}, ${`2026-11-1${day}`})`

  /** The statements of the migration, which has run over nothing in the tests' database. */
  async function migrateKeys(): Promise<Record<string, string | null>> {
    const folder = join(import.meta.dirname, '../drizzle')
    const files = (await readdir(folder)).filter((name) => name.endsWith('.sql'))
    const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')))
    const statements = texts
      .flatMap((text) => text.split('--> statement-breakpoint'))
      .filter((text) => text.includes('moved_searches'))
    expect(statements).toHaveLength(3)
    await sql().begin(async (tx) => {
      for (const statement of statements) await tx.unsafe(statement)
    })
    const rows = await sql()`select path, body from kinopoisk_answers`
    await sql()`truncate kinopoisk_answers`
    return Object.fromEntries(rows.map(({ path, body }) => [path, body]))
  }

  test.each([
    ...['«Матрица»', '"Матрица"', '“Матрица”', '„Матрица“', '‹Матрица›', '[REC]', '(Брат)', '{Брат}', '« Матрица »'],
    ...['"Ocean\'s Eleven"', '«Кто там?»', 'Матрица\u200b', 'Мат\u00adрица', '\u202aМатрица\u202c'],
    ...['Матрица \u200b', '«Матрица»\u200b', '❤\ufe0f', '"100% любовь"', '«Матрица & Co+»'],
  ])('moves to the new one: %j', async (query) => {
    expect(oldKey(query)).not.toBe(toSearchKey(query))
    await store(oldKey(query), 1)
    expect(await migrateKeys()).toEqual({ [pathOf(toSearchKey(query))]: '{"day":1}' })
  })

  test.each([
    'матрица',
    'матрица (1999',
    '100',
    '(500) дней лета',
    '«ирония» и «гараж',
    "'70s",
    '?',
    '«»',
    '¿¡…!?',
    '%22',
  ])('stays where that says no more: %j', async (key) => {
    await store(key, 1)
    expect(await migrateKeys()).toEqual({ [pathOf(key)]: '{"day":1}' })
  })

  test('the newest wins, a newer "nothing" as well, and other responses stay as they are', async () => {
    await store('«матрица', 1)
    await store('матрица', 2)
    await store('"матрица', 3)
    await store('[rec', 1)
    await store('rec', 2)
    await store('"брат', 3, null)
    await store('брат', 2)
    await sql()`insert into kinopoisk_answers (path, status, body, fetched_at, expires_at)
      select path, 200, '{}', now(), now() from (values ('/api/v2.2/films/301'), ('/api/v1/staff?filmId=301')) as other (path)`
    expect(await migrateKeys()).toEqual({
      [pathOf('матрица')]: '{"day":3}',
      [pathOf('rec')]: '{"day":2}',
      [pathOf('брат')]: null,
      '/api/v2.2/films/301': '{}',
      '/api/v1/staff?filmId=301': '{}',
    })
  })

  test('each page moves by itself', async () => {
    const pages = [1, 2, 20].map((page) => searchRequest('«матрица', page).path)
    for (const path of pages) {
      await sql()`insert into kinopoisk_answers (path, status, body, fetched_at, expires_at) values (${path}, 200, '{}', now(), now())`
    }
    const moved = [1, 2, 20].map((page) => searchRequest('матрица', page).path)
    expect(Object.keys(await migrateKeys()).toSorted()).toEqual(moved.toSorted())
  })
})
