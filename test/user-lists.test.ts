import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createMatchingRepository } from '../src/modules/lists/transfer/matching-repository.ts'
import { as, endBlock, type TestApp, testApp, testUser } from './support/app.ts'
import { pausedReader, slowUploads } from './support/crowds.ts'
import { cloneDatabase } from './support/databases.ts'
import { collector, noFaults as done, form, reportOf } from './support/lists.ts'
import { expectProblem } from './support/problems.ts'

let service: TestApp
let asked: number
let base: string

beforeAll(async () => {
  // Not a kept one: what was in that counts in plans.
  const databaseUrl = await cloneDatabase()
  service = await testApp({ KINOPOISK_TIMEOUT: '5s', KINOPOISK_PATIENCE: '5s' }, { databaseUrl })
  base = await service.app.listen({ port: 0, host: '127.0.0.1' })
  const ann = await collector(service)
  for (const id of [299, 301, 316, 324, 325, 326]) await ann.request({ method: 'GET', url: `/movies/${id}` })
})
beforeEach(() => {
  asked = service.calls.length
})
afterEach(() => {
  service.sandbox.fail(null)
  return endBlock(service)
})
afterAll(() => service.close())

const calls = () => service.calls.slice(asked).map((call) => call.path)
const header = 'list,film_id,kinopoisk_id,imdb_id,title,original_title,year,rating,added_at,updated_at'

async function ownFilm(film: { name: string; original_name?: string; year?: number }): Promise<number> {
  const { sql } = service.app.database
  const [row] = await sql`insert into films ${sql(film)} returning id`
  return row?.id
}

describe('The export', () => {
  test('has a row for each film and list', async () => {
    const ann = await collector(service)
    await ann.request({ method: 'POST', url: '/favorites/movies/301' })
    await ann.request({ method: 'POST', url: '/wishlist/movies/301' })
    await ann.request({ method: 'PUT', url: '/films/299/rating', payload: { value: 8 } })
    const response = await ann.export()
    expect(response.statusCode).toBe(200)
    expect(response.headers['content-type']).toBe('text/csv; charset=utf-8; header=present')
    expect(response.headers['content-disposition']).toBe('attachment; filename="lists.csv"')
    const lines = response.body.split('\r\n')
    const time = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/g
    expect(lines.map((line) => line.replace(time, 'T'))).toEqual([
      `\ufeff${header}`,
      'favorites,301,301,tt0133093,Матрица,The Matrix,1999,,T,',
      'wishlist,301,301,tt0133093,Матрица,The Matrix,1999,,T,',
      'ratings,299,299,tt0234215,Матрица: Перезагрузка,The Matrix Reloaded,2003,8,T,T',
      '',
    ])
  })

  test('of a new user is the header; HEAD has no body; both need a token', async () => {
    const ann = await collector(service)
    expect((await ann.export()).body).toBe(`\ufeff${header}\r\n`)
    const head = await ann.request({ method: 'HEAD', url: '/user/lists.csv' })
    expect([head.statusCode, head.body]).toEqual([200, ''])
    expectProblem(await service.app.inject({ method: 'GET', url: '/user/lists.csv' }), 401, 'missing_token')
    expectProblem(await ann.request({ method: 'GET', url: '/user/lists.csv?page=1' }), 400, 'invalid_input')
  })

  test('is the same after everything was cleared and imported, with times, odd titles and films of the same name', async () => {
    const ann = await collector(service)
    const { sql } = service.app.database
    const odd = ['=1+1, "x"\n;', "'71", "'=a", '+', '-1', '@b', '1917']
    const films = [299, 301]
    for (const name of odd) films.push(await ownFilm({ name, year: 2001 }))
    for (const _ of [1, 2]) films.push(await ownFilm({ name: 'Двойники', original_name: '=Twins\r', year: 1988 }))
    films.push(await ownFilm({ name: 'Без года' }))
    for (const table of ['favourites', 'wishlist']) {
      await sql`insert into ${sql(table)} (user_id, film_id, created_at)
        select ${ann.id}, id, timestamptz '2020-02-03 04:05:06.123456Z' + (id % 3) * interval '1 us'
        from unnest(${films}::int[]) id`
    }
    await sql`insert into ratings (user_id, film_id, value, created_at, updated_at)
      select ${ann.id}, id, 1 + id % 10, '2020-01-01 00:00:00.000001Z', '2021-01-01 00:00:00.000002Z'
      from unnest(${films}::int[]) id`
    const { body } = await ann.export()
    expect(body).toContain(`,"'=1+1, ""x""\n;",`)
    expect(body).toContain(",'71,")
    expect(body).toContain(",''=a,")
    await ann.clear()
    expect((await ann.export()).body).toBe(`\ufeff${header}\r\n`)
    expect(await ann.upload(body, { query: '?dry_run=true' })).toMatchObject({ created: 36, rows: 36, errors: [] })
    expect(await ann.upload(body)).toEqual({ ...done, format: 'own', rows: 36, created: 36 })
    expect((await ann.export()).body).toBe(body)
    const skipped_because = { ...done.skipped_because, already_there: 36 }
    expect(await ann.upload(body)).toEqual({
      ...done,
      format: 'own',
      rows: 36,
      created: 0,
      skipped: 36,
      skipped_because,
    })
    expect(calls()).toEqual([])
  })

  test('is one of a user at a time, also of the account and the catalogue; that of others is not held up', {
    tags: 'slow',
  }, async () => {
    const [ann, bob] = [await testUser(service.app), await testUser(service.app)]
    const { sql } = service.app.database
    await sql`insert into films (name) select 'Длинный ' || n || repeat('—', 200) from generate_series(1, 4000) n`
    for (const list of ['favourites', 'wishlist'])
      await sql`insert into ${sql(list)} (user_id, film_id) select ${ann.id}, id from films where name like 'Длинный %'`
    await sql`insert into ratings (user_id, film_id, value) select ${ann.id}, id, 5 from films where name like 'Длинный %'`
    const paused = await pausedReader(base, '/user/lists.csv', ann.headers)
    const files = ['/user/lists.csv', '/user/export', '/films/export.csv']
    const get = (user: typeof ann, url: string) => as(service.app, user)({ method: 'GET', url })
    for (const answer of await Promise.all(files.map((url) => get(ann, url))))
      expect(expectProblem(answer, 503, 'overloaded').detail).toMatch(/^Other downloads of yours are under way/)
    for (const url of files) expect((await get(bob, url)).statusCode).toBe(200)
    paused.destroy()
    await expect.poll(async () => (await get(ann, '/user/lists.csv')).statusCode).toBe(200)
  })

  test('comes without columns that somebody took out, and each row still goes to the list that it names', async () => {
    const ann = await collector(service)
    const text = 'list,kinopoisk_id,rating\nwishlist,301,\nratings,299,7\nseen,316,\n'
    expect(await ann.upload(text)).toMatchObject({ format: 'own', created: 2, failed: 1, errors: [{ row: 4 }] })
    expect([await ann.wishlist(), await ann.ratings(), await ann.favorites()]).toEqual([[301], [[299, 7]], []])
  })

  test('of more than a page has every film once, newest first', { tags: 'slow' }, async () => {
    const ann = await collector(service)
    const { sql } = service.app.database
    await sql`insert into films (name) select 'Много ' || n from generate_series(1, 2500) n`
    // The same moment for many: a page ends within it.
    await sql`insert into favourites (user_id, film_id, created_at)
      select ${ann.id}, id, timestamptz '2020-01-01Z' + (id / 900) * interval '1 h' from films where name like 'Много %'`
    const rows = (await ann.export()).body.split('\r\n').slice(1, -1)
    const ids = rows.map((row) => Number(row.split(',')[1]))
    expect(new Set(ids).size).toBe(2500)
    expect(ids).toEqual(ids.toSorted((a, b) => b - a))
  })

  test('comes with semicolons, a BOM and LF from a spreadsheet, and with columns in any order', async () => {
    const ann = await collector(service)
    const text = '\ufeffList;Film_ID;Title;Rating\nratings;301;"Мат;рица";7\n;;;\nFavourites;299;;\n'
    expect(await ann.upload(text)).toMatchObject({ rows: 2, created: 2, errors: [] })
    expect([await ann.ratings(), await ann.favorites()]).toEqual([[[301, 7]], [299]])
  })
})

describe('Letterboxd', () => {
  const ratings =
    'Date,Name,Year,Letterboxd URI,Rating\n' +
    '2023-01-02,The Matrix,1999,https://boxd.it/2a,4.5\n' +
    '2023-01-03,the GODFATHER,1972,https://boxd.it/2b,0.5\n' +
    '2023-01-04,Крестный отец,1972,https://boxd.it/2b,5\n' +
    '2023-01-04,Unknown,1972,https://boxd.it/2c,5\n' +
    '2023-01-04,The Matrix,2000,https://boxd.it/2c,5\n'

  test('ratings become 1 to 10, the last of a film counts, what is not known is reported', async () => {
    const ann = await collector(service)
    const report = await ann.upload(ratings, { name: 'ratings.csv' })
    expect(report).toMatchObject({ format: 'letterboxd', rows: 5, created: 2, updated: 0, skipped: 1 })
    expect(report.errors).toEqual([
      { row: 5, message: 'No film known here is "Unknown" (1972)' },
      { row: 6, message: 'No film known here is "The Matrix" (2000)' },
    ])
    expect(await ann.ratings()).toEqual([
      [325, 10],
      [301, 9],
    ])
    expect(await ann.dates()).toEqual(['2023-01-04', '2023-01-02'])
    expect(calls()).toEqual([])
  })

  test.each([
    ['watchlist.csv', '', 'wishlist'],
    ['C:\\\\Downloads\\\\likes/films.csv', '', 'favorites'],
    ['WATCHLIST (1).CSV', '', 'wishlist'],
    ['watchlist-ann-2024-01-02-03-04-utc.csv', '', 'wishlist'],
    ['films.csv', '', 'favorites'],
    ['watched.csv', '?list=favorites', 'favorites'],
    ['watchlist.csv', '?list=favorites', 'favorites'],
    ['data.csv', '?list=wishlist', 'wishlist'],
  ] as const)('%s%s goes to the %s', async (name, query, list) => {
    const ann = await collector(service)
    const text = 'Date,Name,Year,Letterboxd URI\r\n2023-01-02,The Matrix Reloaded,2003,https://boxd.it/2a\r\n'
    expect(await ann.upload(text, { name, query })).toMatchObject({ created: 1, errors: [] })
    expect(await ann[list]()).toEqual([299])
    expect((await ann.favorites()).length + (await ann.wishlist()).length).toBe(1)
  })

  test('a diary has scores of some films', async () => {
    const ann = await collector(service)
    const text =
      'Date,Name,Year,Letterboxd URI,Rating,Rewatch,Tags,Watched Date\n' +
      '2023-02-01,The Matrix,1999,https://boxd.it/2a,,,,2023-01-30\n' +
      '2023-02-01,The Matrix Reloaded,2003,https://boxd.it/2b,3,,"a, b",2023-01-31\n'
    expect(await ann.upload(text, { name: 'diary.csv' })).toMatchObject({ created: 1, skipped: 1, errors: [] })
    expect([await ann.ratings(), await ann.dates()]).toEqual([[[299, 6]], ['2023-01-31']])
  })

  test.each([
    ['watched.csv', ''],
    ['data.csv', ''],
    ['likes-films.csv', ''],
    ['my watchlist.csv', ''],
    ['data.csv', '?list=ratings'],
  ])('%s%s does not say what list it is', async (name, query) => {
    const ann = await collector(service)
    expectProblem(await ann.send('Date,Name,Year,Letterboxd URI\n', { name, query }), 400, 'invalid_input')
  })
})

describe('IMDb', () => {
  test('ratings are found by the id, whatever their titles, also in the newer form', async () => {
    const ann = await collector(service)
    const old =
      'Const,Your Rating,Date Rated,Title,URL,Title Type,IMDb Rating,Runtime (mins),Year,Genres,Num Votes,Release Date,Directors\n' +
      'tt0133093,9,2020-05-06,Matrix,https://www.imdb.com/title/tt0133093/,movie,8.7,136,1999,"Action, Sci-Fi",1,1999-03-24,\n'
    const newer =
      'Const,Your Rating,Date Rated,Title,Original Title,URL,Title Type,IMDb Rating,Runtime (mins),Year,Genres\n' +
      'tt0133093,8,2020-05-07,Matrix,The Matrix,,Movie,8.7,136,1999,\n' +
      'tt9999999,8,2020-05-07,The Matrix,The Matrix,,Movie,8.7,136,1999,\n'
    expect(await ann.upload(old, { name: 'a.csv' })).toEqual({ ...done, format: 'imdb', rows: 1, created: 1 })
    expect(await ann.ratings()).toEqual([[301, 9]])
    // The last row names another film of the same title and year.
    expect(await ann.upload(newer, { name: 'b.csv' })).toMatchObject({
      updated: 1,
      errors: [{ row: 3, message: 'No film known here is "The Matrix" (1999), tt9999999' }],
    })
    expect(await ann.ratings()).toEqual([[301, 8]])
  })

  test('lists of both forms go where their name or the caller says, the oldest in Latin-1', async () => {
    const ann = await collector(service)
    const newer = 'Position,Const,Created,Modified,Description,Title,Original Title,URL,Year,Your Rating,Date Rated\n'
    const older = '"position","const","created","modified","description","Title","Title type","You rated","Year"\n'
    const row = '1,tt0234215,2021-02-03,2021-02-03,,x,x,,2003,7,2021-03-04\n'
    const latin = '"1","tt0068646","Sat Feb  3 00:00:00 2007","","Amélie","Amélie","Feature Film","10","1972"\n'
    expectProblem(await ann.send(newer + row, { name: 'x.csv' }), 400, 'invalid_input')
    expect(await ann.upload(newer + row, { name: 'WATCHLIST.csv' })).toMatchObject({ created: 1, errors: [] })
    expect(await ann.upload(newer + row, { query: '?list=ratings' })).toMatchObject({ created: 1, errors: [] })
    const bytes = Buffer.from(older + latin, 'latin1')
    expect(await ann.upload(bytes, { name: 'ratings.csv' })).toMatchObject({ created: 1, errors: [] })
    expect(await ann.upload(bytes, { query: '?list=favorites' })).toMatchObject({ created: 1, errors: [] })
    expect([await ann.wishlist(), await ann.favorites()]).toEqual([[299], [325]])
    expect(await ann.ratings()).toEqual([
      [299, 7],
      [325, 10],
    ])
    expect(await ann.dates()).toEqual(['2021-03-04', '2007-02-03'])
  })
})

describe('Matching', () => {
  const line = (title: string, year: string | number, rest: { id?: number; imdb?: string; original?: string } = {}) =>
    `favorites,${rest.id ?? ''},,${rest.imdb ?? ''},${title},${rest.original ?? ''},${year},,,\n`
  const file = (...lines: string[]) => `${header}\n${lines.join('')}`

  test('by title needs the year and exactly one film; either title, any case, ё as е', async () => {
    const ann = await collector(service)
    const [a, b] = [
      await ownFilm({ name: 'Чудо', year: 1971 }),
      await ownFilm({ name: 'Wunder', original_name: 'чудо', year: 1971 }),
    ]
    const report = await ann.upload(
      file(
        line('КРЕСТНЫЙ  ОТЕЦ', 1972),
        line('ПОБЕГ ИЗ ШОУШЕНКА', 1994, { original: 'anything' }),
        line('Чудо', 1971),
        line('Матрица', ''),
        line('Матриц', 1999),
        line('', 1999),
      ),
    )
    expect(report).toMatchObject({ created: 2, skipped: 0 })
    expect(report.errors.map(({ row }) => row)).toEqual([4, 5, 6, 7])
    expect(report.errors[0]?.message).toMatch(
      new RegExp(`^Several films are "Чудо" \\(1971\\): (${a}, ${b}|${b}, ${a})$`),
    )
    expect((await ann.favorites()).toSorted()).toEqual([325, 326])
  })

  test('goes by Kinopoisk id, IMDb id or title, and a row in which they are of two films is refused', async () => {
    const ann = await collector(service)
    const report = await ann.upload(
      file(
        line('Матрица', 1999, { id: 301, imdb: 'tt0133093' }),
        line('Die Matrix II', 2003, { imdb: 'tt0234215' }),
        line('Крёстный отец', 1972),
        line('Матрица', 1999, { id: 301, imdb: 'tt0068646' }),
        line('Крёстный отец', 1972, { imdb: 'tt0234215' }),
        line('Крёстный отец', 1972, { id: 301 }),
        line('Кто-то другой', 1950, { id: 301 }),
      ),
    )
    expect(report).toMatchObject({ created: 3, failed: 4 })
    expect(report.errors.map(({ row }) => row)).toEqual([5, 6, 7, 8])
    for (const { message } of report.errors) expect(message).toMatch(/^the row contradicts itself: .*Матрица/)
    expect((await ann.favorites()).toSorted()).toEqual([299, 301, 325])
  })

  test('a title is as long as the database counts it: 500 characters of two code units each', async () => {
    const ann = await collector(service)
    const id = await ownFilm({ name: '😀'.repeat(500), year: 1995 })
    expect(await ann.upload(file(line('😀'.repeat(500), 1995)))).toMatchObject({ created: 1, errors: [] })
    expect(await ann.favorites()).toEqual([id])
  })

  test('a film made here is found by its id only when the title is its own: elsewhere the id is another film', async () => {
    const ann = await collector(service)
    const [first, second] = [
      await ownFilm({ name: 'Близнец', year: 1990 }),
      await ownFilm({ name: 'Близнец', year: 1990 }),
    ]
    const report = await ann.upload(
      file(
        line('Близнец', 1990, { id: second }),
        line('Другой', 1990, { id: first }),
        line('Матрица', 1999, { id: first }),
      ),
    )
    expect(report).toMatchObject({ created: 2, errors: [{ row: 3 }] })
    expect((await ann.favorites()).toSorted()).toEqual([second, 301].toSorted())
  })

  test('titles and IMDb ids are found by index', async () => {
    const { sql } = service.app.database
    await sql`insert into films (name, year) select 'Индекс ' || n, 2000 from generate_series(1, 5000) n`
    await sql`analyze films`
    const plan = async (query: string) =>
      (await sql.unsafe(`explain ${query}`)).map((row) => row['QUERY PLAN']).join('\n')
    expect(await plan("select id from films where film_sort_name(name) = film_sort_name('x')")).toContain(
      'films_title_idx',
    )
    const by = "select id from films where film_sort_name(original_name) = film_sort_name('x')"
    expect(await plan(by)).toContain('films_original_title_idx')
    expect(await plan("select id from films where kinopoisk->>'imdb_id' = any('{tt1,tt2}')")).toContain(
      'films_imdb_id_idx',
    )
    const found = await createMatchingRepository(service.app.database.db).findByTitle([
      { title: 'нет', year: 1 },
      { title: 'индекс 7', year: 2000 },
    ])
    expect(found).toEqual([
      { position: 2, id: expect.any(Number), imdb_id: null, name: 'Индекс 7', original_name: null, year: 2000 },
    ])
  })
})

describe('Kinopoisk ids that are not known', () => {
  const rows = (ids: number[]) => `${header}\n${ids.map((id) => `favorites,${id},${id},,,,,,,`).join('\n')}`

  test('are looked up; in a dry run no list changes, though the film is known from then on; one that is no film is reported', async () => {
    const ann = await collector(service)
    const text = rows([342, 9_999_999])
    const dry = await ann.upload(text, { query: '?dry_run' })
    expect(dry).toMatchObject({ created: 1, errors: [{ row: 3, message: expect.stringContaining('9999999') }] })
    expect(await ann.favorites()).toEqual([])
    const stored = await service.app.database.sql`select listed from films where id = 342`
    expect(stored).toEqual([{ listed: false }])
    expect(await ann.upload(text)).toEqual({ ...dry, dry_run: false })
    expect(await ann.favorites()).toEqual([342])
    expect(calls().filter((path) => path.endsWith('/342'))).toHaveLength(1)
  })

  test('of many, fifty are looked up in an import', { tags: 'slow' }, async () => {
    const ann = await collector(service)
    const report = await ann.upload(rows(Array.from({ length: 60 }, (_, i) => 9_000_000 + i)))
    expect(calls()).toHaveLength(50)
    expect(report.errors).toHaveLength(60)
    expect(report.errors[59]?.message).toBe(
      'The film 9000059 is not known here; 50 films were looked up: import again for more',
    )
  })

  test.each([402, 'reset'] as const)(
    'when upstream answers %s the rest is imported and told, and nobody asks on',
    { tags: 'slow' },
    async (fault) => {
      // Of its own, since what upstream does is remembered.
      const service = await testApp()
      const ann = await collector(service)
      await ann.request({ method: 'GET', url: '/movies/301' })
      service.sandbox.fail(fault)
      const report = await ann.upload(
        `${rows(Array.from({ length: 20 }, (_, i) => 8_000_000 + i))}\nfavorites,301,,,,,,,,`,
      )
      expect(report).toMatchObject({ rows: 21, created: 1, problem: { code: expect.stringMatching(/^upstream_/) } })
      expect(report.errors).toHaveLength(20)
      // The film that is known, and five at once, each tried once more.
      expect(service.calls.length).toBeLessThanOrEqual(1 + 10)
      expect(await ann.favorites()).toEqual([301])
      await service.close()
    },
  )
})

describe("A Kinopoisk user's votes", () => {
  test('become ratings without a call for any film; the same again changes nothing; a dry run stores nothing', async () => {
    const ann = await collector(service)
    const { sql } = service.app.database
    const before = (await sql`select count(*)::int as n from films`)[0]?.n
    const dry = reportOf(await ann.votes({ kinopoisk_user_id: 42 }, '?dry_run=true'))
    expect(dry).toMatchObject({ format: 'kinopoisk', dry_run: true, updated: 0, errors: [], problem: null })
    expect(dry.created).toBeGreaterThan(20)
    expect(await ann.ratings()).toEqual([])
    expect((await sql`select count(*)::int as n from films`)[0]?.n).toBe(before)
    expect(reportOf(await ann.votes({ kinopoisk_user_id: 42 }))).toEqual({ ...dry, dry_run: false })
    expect(await ann.ratings()).toHaveLength(dry.created)
    const again = reportOf(await ann.votes({ kinopoisk_user_id: 42 }))
    expect(again).toMatchObject({ created: 0, updated: 0, skipped: dry.rows })
    // Both pages once: the rest came from the cache.
    expect(calls()).toEqual(['/api/v1/kp_users/42/votes?page=1', '/api/v1/kp_users/42/votes?page=2'])
  })

  test('store of a film what they tell, and its details are asked for when somebody looks', async () => {
    const ann = await collector(service)
    await ann.votes({ kinopoisk_user_id: 43 })
    const { sql } = service.app.database
    const [film] = await sql`select id, name, poster_url, listed from films
      where kinopoisk is null and id < 1000000000 order by id limit 1`
    expect(film).toMatchObject({ name: expect.any(String), poster_url: expect.stringMatching(/^https/), listed: false })
    const rated = (await ann.request({ method: 'GET', url: '/ratings' })).json() as {
      movie: { id: number; genres: [] }[]
    }[]
    expect(JSON.stringify(rated)).toContain('"genres":[{"id"')
    const movie = (await ann.request({ method: 'GET', url: `/movies/${film?.id}` })).json()
    expect(movie.kinopoisk).toMatchObject({ kinopoisk_id: film?.id })
    expect(movie.description).not.toBe('')
  })

  test.each([
    [402, 'upstream_quota_exhausted'],
    ['hang', 'upstream_timeout'],
    [404, null],
  ] as const)(
    'when upstream answers %s in the middle, what came is imported and the problem named',
    { tags: 'slow' },
    async (fault, code) => {
      const ann = await collector(service)
      service.sandbox.fail(fault, { path: /page=2/ })
      const user = typeof fault === 'number' ? 1000 + fault : 1000
      const report = reportOf(await ann.votes({ kinopoisk_user_id: user }))
      expect(report).toMatchObject({ rows: 20, created: 20 })
      expect(report.problem?.code ?? null).toBe(code)
      if (!code) return
      expect(report.problem?.message).toContain('Pages 1 to 1 of 2 came')
      service.sandbox.fail(null)
      await endBlock(service)
      const rest = reportOf(await ann.votes({ kinopoisk_user_id: user }))
      expect(rest).toMatchObject({ skipped: 20, created: rest.rows - 20, problem: null })
    },
  )

  test('are a problem when nothing can be had, and 422 of nobody', { tags: 'slow' }, async () => {
    const ann = await collector(service)
    service.sandbox.fail(402)
    expectProblem(await ann.votes({ kinopoisk_user_id: 77 }), 503, 'upstream_quota_exhausted')
    await endBlock(service)
    service.sandbox.fail('wrong_shape')
    expectProblem(await ann.votes({ kinopoisk_user_id: 77 }), 502, 'upstream_bad_response')
    service.sandbox.fail(404)
    expectProblem(await ann.votes({ kinopoisk_user_id: 78 }), 422, 'unknown_reference')
  })

  test.each([{}, { kinopoisk_user_id: 0 }, { kinopoisk_user_id: '42' }, { kinopoisk_user_id: 1.5 }, []])(
    'the body %j is refused',
    async (body) => {
      const ann = await collector(service)
      expectProblem(await ann.votes(body), 400, 'invalid_input')
      expect(calls()).toEqual([])
    },
  )

  test('are ratings: no other list can be named', async () => {
    const ann = await collector(service)
    expectProblem(await ann.votes({ kinopoisk_user_id: 42 }, '?list=wishlist'), 400, 'invalid_input')
  })
})

describe('An import', () => {
  test('goes on after bad rows, and says what is wrong with each', async () => {
    const ann = await collector(service)
    const bad = [
      ['watched,301,,,,,,,,', 'list must be favorites, wishlist or ratings, not "watched"'],
      ['ratings,301,,,,,,11,,', 'rating must be a whole number from 1 to 10, not "11"'],
      ['ratings,301,,,,,,,,', 'rating must be a whole number from 1 to 10, not ""'],
      ['favorites,abc,,,,,,,,', 'film_id must be the id of a film, not "abc"'],
      ['favorites,301,299,,,,,,,', 'film_id and kinopoisk_id contradict each other'],
      ['favorites,,1000000000,,,,,,,', 'kinopoisk_id must be from 1 to 999999999, not 1000000000'],
      ['favorites,,,nm1,x,,1999,,,', 'imdb_id must be an IMDb id such as tt0133093, not "nm1"'],
      ['favorites,,,,x,,199,,,', 'year must be a year of four digits, not "199"'],
      ['favorites,301,,,a\0b,,,,,', 'the row must not contain NUL'],
      ['favorites,301,,,,,,,,,more', 'the row has 11 cells and the header 10'],
      ['favorites', 'the row has 1 cells and the header 10'],
      ['favorites,,,,,,,,,', 'the row names no film: it has no title and no id'],
    ] as const
    const good = ['favorites,301,,,,,,,,', 'ratings,299,,,x "y" z,"a"b,,5,,']
    const report = await ann.upload([header, ...bad.map(([row]) => row), ...good].join('\r\n'))
    expect(report.errors.map(({ row, message }) => ({ row, message }))).toEqual(
      bad.map(([, message], i) => ({ row: i + 2, message })),
    )
    expect(report).toMatchObject({ rows: 14, created: 2, skipped: 0, failed: 12 })
    expect([await ann.favorites(), await ann.ratings()]).toEqual([[301], [[299, 5]]])
  })

  test('of a cell that is not understood costs the cell, where an id names the film, and says so', async () => {
    const ann = await collector(service)
    const rows = [
      'favorites,301,,nm1,,,,,,',
      'favorites,299,,,,,199,,,',
      'favorites,316,,,,,,,2020-02-31T00:00:00Z,',
      'wishlist,301,,,,,,,2020-01-01T00:00:00+23:00,',
      'wishlist,299,,,,,,,2999-01-01,',
    ]
    const report = await ann.upload([header, ...rows].join('\n'))
    expect(report).toMatchObject({ rows: 5, created: 5, failed: 0, warnings_total: 5 })
    expect(report.warnings.map(({ row, column }) => [row, column])).toEqual([
      [2, 'imdb_id'],
      [3, 'year'],
      [4, 'added_at'],
      [5, 'added_at'],
      [6, 'added_at'],
    ])
    expect(report.warnings[4]?.message).toBe(
      'added_at must be a day of the past such as 2018-01-02 or 02.01.2018, not "2999-01-01": now is used in its place',
    )
  })

  test('reports the first 100 faults and their number', async () => {
    const ann = await collector(service)
    const report = await ann.upload(`${header}\n${'favorites,x,,,,,,,,\n'.repeat(10_000)}`)
    expect(report).toMatchObject({ rows: 10_000, failed: 10_000, errors_total: 10_000 })
    expect(report.errors).toHaveLength(100)
    expect(report.errors.at(-1)?.row).toBe(101)
  })

  test('of a file with a quote that is never closed takes the other lines', async () => {
    const ann = await collector(service)
    const report = await ann.upload(
      `${header}\nfavorites,301,,,,,,,,\nfavorites,299,,,"x,,,,,\nfavorites,316,,,,,,,,\n`,
    )
    expect(report).toMatchObject({
      rows: 3,
      created: 2,
      errors: [{ row: 3, message: expect.stringContaining('quote') }],
    })
    expect((await ann.favorites()).toSorted()).toEqual([301, 316])
  })

  test('replaces a rating that differs, and a dry run foretells it; sums of the film follow; others keep theirs', async () => {
    const [ann, bob] = [await collector(service), await collector(service)]
    for (const user of [ann, bob])
      await user.request({ method: 'PUT', url: '/films/324/rating', payload: { value: 4 } })
    await bob.request({ method: 'POST', url: '/favorites/movies/324' })
    const text = `${header}\nratings,324,,,,,,10,,\nfavorites,324,,,,,,,,\nratings,301,,,,,,1,,`
    const before = (await bob.export()).body
    const dry = await ann.upload(text, { query: '?dry_run=true' })
    expect(dry).toEqual({ ...done, format: 'own', dry_run: true, rows: 3, created: 2, updated: 1 })
    expect([await ann.ratings(), await ann.favorites()]).toEqual([[[324, 4]], []])
    expect(await ann.upload(text)).toEqual({ ...dry, dry_run: false })
    expect(await ann.upload(text)).toMatchObject({ created: 0, updated: 0, skipped: 3 })
    expect((await bob.export()).body).toBe(before)
    const movie = (await ann.request({ method: 'GET', url: '/movies/324' })).json()
    expect(movie).toMatchObject({ user_rate: 7, user_votes: 2 })
  })

  test('of the same file by many at once adds each film once', async () => {
    const ann = await collector(service)
    const text = `${header}\n${[299, 301, 316].map((id) => `ratings,${id},,,,,,5,,\nwishlist,${id},,,,,,,,`).join('\n')}`
    const upload = async () => {
      let answer = await ann.send(text)
      // On a slow machine the last ones would wait too long for their turn.
      while (answer.statusCode === 503) answer = await ann.send(text)
      return reportOf(answer)
    }
    const reports = await Promise.all(Array.from({ length: 8 }, upload))
    expect(reports.reduce((sum, report) => sum + report.created, 0)).toBe(6)
    expect(reports.every((report) => report.created + report.skipped === 6)).toBe(true)
  })

  test('of too many at once is 503 for some, and the others go on', async () => {
    const ann = await collector(service)
    const answers = await Promise.all(Array.from({ length: 30 }, () => ann.send(`${header}\nfavorites,301,,,,,,,,`)))
    const statuses = new Set(answers.map((answer) => answer.statusCode))
    expect([...statuses].toSorted()).toEqual([200, 503])
    const refused = answers.find((answer) => answer.statusCode === 503)
    if (refused) expectProblem(refused, 503, 'overloaded')
    expect(await ann.upload(`${header}\nfavorites,301,,,,,,,,`)).toMatchObject({ skipped: 1 })
  })

  test('that comes slowly holds no place: others import meanwhile, and its user has ten on their way', async () => {
    const [ann, bob] = [await testUser(service.app), await collector(service)]
    const slow = slowUploads(base, 12, '/user/lists/import', ann.headers)
    const more = () =>
      as(service.app, ann)({ method: 'POST', url: '/user/lists/import', ...form(`${header}\nfavorites,301,,,,,,,,`) })
    await expect.poll(slow.answered).toBe(2)
    expect(expectProblem(await more(), 503, 'overloaded').detail).toMatch(/^Other uploads of yours are under way/)
    const answers = await Promise.all(Array.from({ length: 9 }, () => bob.send(`${header}\nfavorites,301,,,,,,,,`)))
    slow.stop()
    expect(answers.map((answer) => answer.statusCode)).toEqual(Array(9).fill(200))
    await expect.poll(async () => (await more()).statusCode).toBe(200)
  })

  test('takes 20,000 rows in 5 MiB, and no more', { tags: 'slow' }, async () => {
    const ann = await collector(service)
    const rows = (n: number) => `${header}\n${'favorites,301,,,,,,,,\n'.repeat(n)}`
    expect(await ann.upload(rows(20_000))).toMatchObject({ rows: 20_000, created: 1, skipped: 19_999 })
    expectProblem(await ann.send(rows(20_001)), 413, 'payload_too_large')
    expectProblem(await ann.send(Buffer.alloc(5 * 1024 * 1024 + 1, 'x')), 413, 'payload_too_large')
    const wide = `${header}\n${`favorites,301,,,${'x'.repeat(100_000)},,,,,\n`.repeat(40)}`
    expect(await ann.upload(wide)).toMatchObject({ created: 0, rows: 40 })
  })

  test.each([
    ['an unknown header', 'a,b\n1,2\n'],
    ['no header', ''],
    ['nothing but a BOM', '\ufeff'],
    ['text of another encoding', Buffer.from(`${header}\nfavorites,,,,Матрица,,1999,,,`, 'utf16le')],
    ['bytes', Buffer.from([0xff, 0xfe, 0x00])],
  ])('refuses %s', async (_, content) => {
    const ann = await collector(service)
    expectProblem(await ann.send(content), 400, 'invalid_input')
  })

  test('names the known forms when it knows none', async () => {
    const ann = await collector(service)
    expect((await ann.send('a,b\n')).json().detail).toMatch(/own.*Letterboxd.*IMDb/)
  })

  test('refuses an archive, and other content types', async () => {
    const ann = await collector(service)
    expectProblem(await ann.send(Buffer.from('PK\u0003\u0004...')), 415, 'unsupported_media_type')
    const url = '/user/lists/import'
    for (const type of ['text/csv', 'text/plain', 'application/x-www-form-urlencoded', 'application/octet-stream']) {
      const response = await ann.request({ method: 'POST', url, headers: { 'content-type': type }, payload: header })
      expectProblem(response, 415, 'unsupported_media_type')
    }
  })

  test('refuses a form that is not one file, or damaged, and no body', async () => {
    const ann = await collector(service)
    const url = '/user/lists/import'
    expectProblem(await ann.send(header, { field: 'photo' }), 400, 'invalid_input')
    expectProblem(await ann.request({ method: 'POST', url }), 400, 'invalid_input')
    const { headers, payload } = form(header)
    const cut = payload.subarray(0, -20)
    expect((await ann.request({ method: 'POST', url, headers, payload: cut })).statusCode).toBe(400)
    const empty = { 'content-type': 'multipart/form-data; boundary=boundary' }
    expect((await ann.request({ method: 'POST', url, headers: empty, payload: '--boundary--\r\n' })).statusCode).toBe(
      400,
    )
    expect(
      (await ann.request({ method: 'POST', url, headers: { 'content-type': 'multipart/form-data' } })).statusCode,
    ).toBe(400)
    expectProblem(await ann.send(`${header}\n`, { query: '?list=favorites' }), 400, 'invalid_input')
    expectProblem(await ann.send(`${header}\n`, { query: '?list=seen' }), 400, 'invalid_input')
    expectProblem(await ann.send(`${header}\n`, { query: '?dry=1' }), 400, 'invalid_input')
  })

  test('needs a token', async () => {
    const response = await service.app.inject({ method: 'POST', url: '/user/lists/import', ...form(header) })
    expectProblem(response, 401, 'missing_token')
  })
})
