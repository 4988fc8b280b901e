import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { otherLayout } from '../src/text/keyboard-layout.ts'
import { as, testApp, testUser } from './support/app.ts'
import { expectProblem } from './support/movies.ts'

interface Item {
  id: number
  kinopoisk_id: number | null
  title: string
  original_title: string | null
}

type Known = { id?: number; name: string; original_name?: string; votes?: number; rate?: number; year?: number }

const brief = { KINOPOISK_TIMEOUT: '2s' }

/** A service with these films, whose upstream fails, and the searches of its user. */
async function outage(films: Known[], env: Record<string, string> = {}) {
  const service = await testApp(env)
  const { sql } = service.app.database
  for (const { votes, ...film } of films) {
    const kinopoisk = votes === undefined ? null : `{"rating_kinopoisk_votes": ${votes}}`
    await sql`insert into films ${sql({ ...film, kinopoisk })}`
  }
  service.sandbox.fail(500)
  const user = await testUser(service.app)
  const request = as(service.app, user)
  const search = (query: string, page = '1') =>
    request({ method: 'GET', url: '/movies/search', query: { query, page } })
  const titles = async (query: string) => ((await search(query)).json().items as Item[]).map((item) => item.title)
  return { ...service, sql, user, request, search, titles }
}

let service: Awaited<ReturnType<typeof outage>>

beforeAll(async () => {
  service = await outage([
    { id: 1, name: 'Новая матрица', votes: 900 },
    { id: 2, name: 'Матрица: Перезагрузка', original_name: 'The Matrix Reloaded', votes: 500, year: 2003 },
    { id: 3, name: 'Матрица: Революция', original_name: 'The Matrix Revolutions', votes: 400, year: 2003 },
    { id: 4, name: 'Матрица', original_name: 'The Matrix', votes: 100, year: 1999 },
    { id: 5, name: 'Код', original_name: 'Матрица', votes: 50 },
    { id: 6, name: 'Перезагрузка без матрицы и матрица', votes: 800 },
    { id: 7, name: 'Чёрный ящик', original_name: 'Black Box' },
    { id: 8, name: 'Звёздные войны: Эпизод 4', original_name: 'Star Wars' },
    { id: 9, name: '1984', original_name: '1984' },
    { id: 10, name: 'Крёстный отец', original_name: 'The Godfather' },
    { id: 11, name: '100% любовь_' },
    { id: 12, name: "It's \\ a 'trap'" },
    { id: 13, name: '¿¡…!?', original_name: '!!' },
    { id: 14, name: 'Фильм 🎬' },
    { name: 'Своё кино', original_name: 'Own Movie' },
    { id: 20, name: 'Дом', rate: 7, year: 2000 },
    { id: 21, name: 'Дом', rate: 8, year: 1990 },
    { id: 22, name: 'Дом', rate: 8, year: 2010 },
    { id: 23, name: 'Дом', votes: 1 },
  ])
})
afterAll(() => service.close())

describe('a search that Kinopoisk can not be asked', () => {
  test('is answered from our own films, and says so', { tags: 'slow' }, async () => {
    const response = await service.search('Чёрный ящик')
    expect(response.statusCode).toBe(200)
    expect(response.headers['cache-status']).toMatch(/^kinoteka; .*detail="sandbox upstream_unavailable"$/)
    expect(response.headers.age).toMatch(/^\d+$/)
    expect(response.json()).toEqual({
      query: 'Чёрный ящик',
      page: 1,
      pages: 1,
      total: 1,
      source: 'local',
      complete: false,
      items: [
        {
          id: 7,
          kinopoisk_id: 7,
          title: 'Чёрный ящик',
          original_title: 'Black Box',
          type: null,
          year: null,
          minutes: null,
          rating: null,
          await_percent: null,
          votes: null,
          genres: [],
          countries: [],
          description: null,
          poster_url: null,
          poster_preview_url: null,
          poster: null,
          is_favorite: false,
          in_wishlist: false,
          my_rating: null,
        },
      ],
    })
  })

  test('finds nothing with 200, and does not claim that there is nothing', async () => {
    expect((await service.search('такого здесь нет вовсе')).json()).toEqual({
      query: 'такого здесь нет вовсе',
      page: 1,
      pages: 0,
      total: 0,
      source: 'local',
      complete: false,
      items: [],
    })
  })

  test('tells exact titles first, then those that begin so, hold it, hold its words; the most voted first', {
    tags: 'slow',
  }, async () => {
    const { items } = (await service.search('матрица')).json()
    expect(items.map((item: Item) => item.id)).toEqual([4, 5, 2, 3, 1, 6])
    expect(await service.titles('перезагрузка матрица')).toEqual(
      ['Матрица: Перезагрузка', 'Перезагрузка без матрицы и матрица'].toReversed(),
    )
  })

  test('among equals goes by votes, rating, year', async () => {
    const { items } = (await service.search('дом')).json()
    expect(items.map((item: Item) => item.id)).toEqual([23, 22, 21, 20])
  })

  test.each([
    ['case', 'мАТРИЦА рЕвОлЮция', 3],
    ['ё as е', 'черный ящик', 7],
    ['е as ё', 'крёстный отёц', 10],
    ['punctuation', '«Звездные войны» — эпизод 4', 8],
    ['decomposed letters', 'чёрный'.normalize('NFD'), 7],
    ['the original title', 'godfather', 10],
    ['both titles at once', 'крестный godfather', 10],
    ['words in any order', 'войны звездные', 8],
    ['parts of words', 'вездн ойны', 8],
    ['one letter at the beginning of a word', 'я черный', 7],
    ['digits', '1984', 9],
    ['the Latin layout', 'xthysq zobr', 7],
    ['the Latin layout in capitals', 'XTHYSQ ZOBR', 7],
    ['keys with punctuation in the Latin layout', 'pd`plyst djqys', 8],
    ['the Cyrillic layout', 'идфсл ищч', 7],
    ['two swapped letters', 'черный яищк', 7],
    ['a wrong letter', 'godfither', 10],
    ['a letter too few', 'звздные войны', 8],
    ['a letter too many', 'blackk box', 7],
    ['a typo in the other layout', 'rhtcysq jntw', 10],
    ['a film made here', 'own movie', null],
    ['signs alone', '…!?', 13],
    ['an emoji alone', '🎬', 14],
    ['percent', '100%', 11],
    ['an underscore', 'любовь_', 11],
    ['quotes', "'trap'", 12],
    ['a backslash', '\\', 12],
  ])('%s: %s', async (_, query, kinopoiskId) => {
    const { items } = (await service.search(query)).json()
    expect(items.map((item: Item) => item.kinopoisk_id)).toEqual([kinopoiskId])
  })

  test.each([
    '%',
    '_',
    '%%%',
    '\\%',
    "' or 1=1 --",
    '"',
    '*',
    '$1',
    '((((',
    '\u200b',
    '\ud83c\udfac\ud83c\udfac',
    '???',
    'а б в г д е ж з и к л м н о п р с т у ф х ц ч ш щ э ю я',
    'я'.repeat(200),
    'ая '.repeat(66),
    '🎬'.repeat(100),
    ',.;[]',
    'ъ',
    '\u0301',
    'ﷺ'.repeat(200),
    '-'.repeat(200),
    'матрица '.repeat(25),
  ])('%j does no harm', async (query) => {
    const response = await service.search(query)
    expect(response.statusCode).toBe(200)
    expect(response.json()).toMatchObject({ source: 'local', complete: false })
    expect(response.json().total).toBeLessThan(10)
  })

  test('NUL and a query too long are refused as ever', async () => {
    expectProblem(await service.search('a\0b'), 400, 'invalid_input')
    expectProblem(await service.search('я'.repeat(201)), 400, 'invalid_input')
  })

  test("flags the user's own films", { tags: 'slow' }, async () => {
    await service.request({ method: 'POST', url: '/favorites/movies/10' })
    const own = (await service.search('своё кино')).json().items[0]
    expect(own).toMatchObject({ kinopoisk_id: null, is_favorite: false, in_wishlist: false })
    await service.request({ method: 'POST', url: `/wishlist/movies/${own.id}` })
    expect((await service.search('godfather')).json().items).toMatchObject([{ is_favorite: true, in_wishlist: false }])
    expect((await service.search('своё кино')).json().items).toMatchObject([{ is_favorite: false, in_wishlist: true }])
  })

  test('is counted', async () => {
    const local = async () => {
      const metrics = (await service.request({ method: 'GET', url: '/metrics' })).body
      return Number(/kinopoisk_cache_results_total\{endpoint="search",result="local"\} (\d+)/.exec(metrics)?.[1])
    }
    const before = await local()
    await service.search('матрица')
    expect(await local()).toBe(before + 1)
  })
})

test.each([401, 402, 429, 500, 503, 'hang', 'reset', 'bad_json', 'wrong_shape', 'html'] as const)(
  'whatever upstream does, our own films are searched: %s',
  { tags: 'slow' },
  async (fault) => {
    const { search, sandbox, close } = await outage([{ id: 4, name: 'Матрица' }], fault === 'hang' ? brief : {})
    sandbox.fail(null)
    sandbox.fail(fault)
    const response = await search('матрица')
    expect(response.json()).toMatchObject({ source: 'local', complete: false, total: 1, items: [{ id: 4 }] })
    expect(response.headers['cache-status']).toMatch(/detail="sandbox upstream_\w+"/)
    await close()
  },
)

describe('a query with more than a title', () => {
  let service: Awaited<ReturnType<typeof outage>>
  beforeAll(async () => {
    service = await outage([
      { id: 1, name: 'Интерстеллар', original_name: 'Interstellar', year: 2014, votes: 900 },
      { id: 2, name: 'Брат', year: 1997, votes: 800 },
      { id: 3, name: 'Брат 2', year: 2000, votes: 700 },
      { id: 4, name: 'Матрица', original_name: 'The Matrix', year: 1999, votes: 600 },
      { id: 5, name: 'Матрица: Перезагрузка', original_name: 'The Matrix Reloaded', year: 2003, votes: 500 },
      { id: 6, name: 'Друзья', original_name: 'Friends', year: 1994, votes: 400 },
      { id: 7, name: 'Друзья друзей', year: 2013, votes: 950 },
      { id: 8, name: '1984', year: 1984 },
      { id: 9, name: '2012', year: 2009 },
      { id: 10, name: 'Сериал', year: 2021 },
      { id: 11, name: 'Матрица времени' },
      { id: 12, name: 'Космос: 1999', year: 1975 },
      { id: 13, name: 'Трейлер', original_name: 'Dub', year: 2010 },
      { id: 14, name: 'Качество', original_name: 'Rus’', year: 2011 },
      { id: 301, name: 'Гонка', original_name: 'Rush', year: 2013 },
    ])
    await service.sql`update films set kinopoisk = kinopoisk || '{"type": "TV_SERIES", "end_year": 2004}' where id = 6`
    await service.sql`update films set kinopoisk = kinopoisk || '{"type": "FILM"}' where id = 7`
  })
  afterAll(() => service.close())

  test.each([
    ['интерстеллар 2014', [1]],
    ['интерстеллар 2015', [1]],
    ['интерстеллар 2017', []],
    ['bynthcntkkfh 2014', [1]],
    ['интерстелар 2014', [1]],
    ['Интерстеллар_(2014)_WEB-DL', [1]],
    ['interstellar.2014.1080p.bluray.x264-group.mkv', [1]],
    ['брат 2 2000', [3]],
    ['брат 1997', [2]],
    ['the matrix 1999', [4]],
    ['Матрица.1999.BDRip.mkv', [4, 11]],
    ['матрица (2003)', [5, 11]],
    ['друзья сериал', [6, 7]],
    ['Друзья (сериал)', [6, 7]],
    ['друзья S01', [6, 7]],
    ['друзья s05e10', [6, 7]],
    ['друзья 2 сезон', [6, 7]],
    ['друзья фильм', [7, 6]],
    ['друзья 2001', [6]],
    ['Космос.1999.BDRip', [12]],
    ['1984', [8]],
    ['2012', [9]],
    ['2012 2009', [9]],
    ['сериал', [10]],
    ['Матрица / The Matrix (Вачовски) [1999, США, фантастика, BDRip 1080p] Dub + Original (Eng)', [4]],
    ['Друзья / Friends / Сезон: 1 / Серии: 1-24 из 24 (Кевин Брайт) [1994, США]', [6]],
    ['Матрица [1999] DUB', [4, 11]],
    ['Матрица 1999 дубляж', [4, 11]],
    ['матрица (1999) rus', [4, 11]],
    ['Friends.Season.1.Complete.720p', [6]],
    ['Друзья с 1 по 10 сезон', [6, 7]],
    ['www.torrent.ru_Интерстеллар_2014.mkv', [1]],
    ['Интерстеллар смотреть онлайн бесплатно в хорошем качестве', [1]],
    ['Интерстеллар трейлер', [1]],
    ['kp301 Гонка', [301]],
    ['Rush', [301]],
    ['Rush 2013 rus', [301]],
    ['Dub', [13]],
    ['Трейлер 2010', [13]],
    ['Трейлер трейлер', [13]],
    ['Rus’', [14, 301]],
    ['Качество (2011) дубляж', [14]],
    ['Матри\u00adца: Перезагрузка\u200b', [5]],
  ])('%s', async (query, ids) => {
    const { items } = (await service.search(query)).json()
    expect(items.map((item: Item) => item.id)).toEqual(ids)
  })
})

test('pages have twenty films each, to the twentieth; past the end there are none', { tags: 'slow' }, async () => {
  const films = Array.from({ length: 45 }, (_, i) => ({ id: i + 1, name: `Часть ${i + 1}`, votes: 100 - i }))
  const { search, close } = await outage(films)
  const pages = await Promise.all(['1', '2', '3', '4', '20'].map(async (page) => (await search('часть', page)).json()))
  expect(pages.map(({ page, pages, total, items }) => [page, pages, total, items.length])).toEqual([
    [1, 3, 45, 20],
    [2, 3, 45, 20],
    [3, 3, 45, 5],
    [4, 3, 45, 0],
    [20, 3, 45, 0],
  ])
  expect(pages.flatMap(({ items }) => items.map(({ id }: Item) => id))).toEqual(films.map(({ id }) => id))
  await close()
})

test('of very many films that hold the words a bounded number is ranked, an exact title among them in any case', {
  tags: 'slow',
}, async () => {
  const { search, sql, close } = await outage([])
  await sql`insert into films (id, name) select i, 'Любовь ' || i from generate_series(1, 3000) i`
  await sql`insert into films (id, name) values (4000, 'Любовь')`
  const first = (await search('любовь')).json()
  expect([first.pages, first.items[0].id, first.items.length]).toEqual([20, 4000, 20])
  expect(first.total).toBeGreaterThanOrEqual(1000)
  expect(first.total).toBeLessThan(1100)
  expect((await search('любовь', '20')).json().items).toHaveLength(20)
  await close()
})

describe('films of a response of Kinopoisk', () => {
  test('are found right after it, as it has them', { tags: 'slow' }, async () => {
    const { search, request, sandbox, close } = await outage([])
    sandbox.fail(null)
    const told = (await search('матрица')).json()
    expect(told).toMatchObject({ source: 'kinopoisk', complete: true })
    sandbox.fail('reset')
    const found = (await search('vfnhbwf htdjk.wbz')).json()
    expect(found).toMatchObject({ source: 'local', total: 1 })
    expect(found.items).toEqual(told.items.filter((item: Item) => item.title === 'Матрица: Революция'))
    const movie = await request({ method: 'GET', url: `/movies/${found.items[0].id}` })
    expect(movie.json()).toMatchObject({ title: 'Матрица: Революция', kinopoisk: { complete: false } })
    await close()
  })

  test('are found by what was looked up, too; a kept answer comes first', { tags: 'slow' }, async () => {
    const { search, request, sandbox, close } = await outage([])
    sandbox.fail(null)
    await search('побег')
    await request({ method: 'GET', url: '/movies/301' })
    sandbox.fail('reset')
    expect((await search('the matrix')).json()).toMatchObject({ source: 'local', items: [{ id: 301, votes: 796_307 }] })
    expect((await search('побег')).json()).toMatchObject({ source: 'kinopoisk', complete: true })
    await close()
  })
})

describe('the other keyboard layout', () => {
  const typed = (keys: string) => fc.string({ unit: fc.constantFrom(...keys), minLength: 1, maxLength: 50 })

  test.each([
    ['vfnhbwf', 'матрица'],
    ['ьфекшч', 'matrix'],
    ['{jkjl j,snbz', 'Холод обытия'],
    ['Ghbdtn? vbh', 'Привет, мир'],
    ['2001', undefined],
    ['?!', undefined],
    ['матрица the', undefined],
    ['', undefined],
  ])('%j → %j', (text, other) => {
    expect(otherLayout(text)).toBe(other)
  })

  test.each([
    ['Latin', "`qwertyuiop[]asdfghjkl;'zxcvbnm,./ 0123456789"],
    ['Cyrillic', 'ёйцукенгшщзхъфывапролджэячсмитьбюЁЙЦУКЕНГШЩЗХЪФЫВАПРОЛДЖЭЯЧСМИТЬБЮ 0123456789'],
  ])('there and back again is the same: %s', (_, keys) => {
    fc.assert(
      fc.property(typed(keys), (text) => {
        const there = otherLayout(text) ?? text
        // х is [ on the other side, and a [ alone tells no layout.
        fc.pre(there === text || otherLayout(there) !== undefined)
        expect(otherLayout(there) ?? there).toBe(text)
      }),
    )
  })

  test('is of the same length, and never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const there = otherLayout(text)
        expect(there === undefined || [...there].length === [...text.normalize('NFC')].length).toBe(true)
      }),
    )
  })
})
