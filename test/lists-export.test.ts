import { parse } from 'csv-parse/sync'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestApp, testApp } from './support/app.ts'
import { collector } from './support/lists.ts'
import { expectProblem } from './support/problems.ts'

let service: TestApp
let ann: Awaited<ReturnType<typeof collector>>
let ownId: number

beforeAll(async () => {
  service = await testApp()
  ann = await collector(service)
  const { sql } = service.app.database
  for (const id of [299, 301]) await ann.request({ method: 'GET', url: `/movies/${id}` })
  const name = 'x;=1+1,\u200b"@SUM(1)"'
  const [own] = await sql`insert into films (name, original_name, year) values (${name}, ${'＝2+2'}, 2001) returning id`
  ownId = own?.id
  const days = { 299: '2024-05-04', 301: '2016-04-11', [ownId]: '2020-01-01' }
  for (const [id, day] of Object.entries(days)) {
    for (const table of ['favourites', 'wishlist'])
      await sql`insert into ${sql(table)} values (${ann.id}, ${Number(id)}, ${`${day}T23:59:59.999999Z`})`
    await sql`insert into ratings (user_id, film_id, value, created_at, updated_at)
      values (${ann.id}, ${Number(id)}, 7, ${`${day}T23:59:59.999999Z`}, ${`${day}T23:59:59.999999Z`}::timestamptz + interval '1 day')`
  }
})
afterAll(() => service.close())

const get = (query = '') => ann.request({ method: 'GET', url: `/user/lists.csv${query}` })
const read = (csv: string, delimiter = ',') =>
  parse(csv, { columns: true, bom: true, delimiter }) as Record<string, string>[]

describe('The file of lists', () => {
  test('begins with a byte order mark unless it is not wanted; that of another service has one only if it is', async () => {
    const marked = async (query: string) => (await get(query)).rawPayload.subarray(0, 3).toString('hex') === 'efbbbf'
    expect(await marked('')).toBe(true)
    expect(await marked('?bom=true')).toBe(true)
    expect(await marked('?bom=false')).toBe(false)
    expect(await marked('?format=letterboxd')).toBe(false)
    expect(await marked('?format=imdb&bom=true')).toBe(true)
    const [withMark, without] = [await get(), await get('?bom=false')]
    expect(withMark.body).toBe(`\ufeff${without.body}`)
  })

  test('has semicolons where they are asked for, and is imported as the other', async () => {
    const file = (await get('?delimiter=;')).body
    expect(file.split('\r\n')[0]).toBe(
      '\ufefflist;film_id;kinopoisk_id;imdb_id;title;original_title;year;rating;added_at;updated_at',
    )
    expect(read(file, ';')).toEqual(read((await get('?delimiter=%2C')).body))
    const bob = await collector(service)
    expect(await bob.upload(file)).toMatchObject({ rows: 9, created: 9, errors: [] })
    expect((await bob.export()).body).toBe((await get()).body)
  })

  test('of one list has that alone', async () => {
    for (const list of ['favorites', 'wishlist', 'ratings']) {
      const rows = read((await get(`?list=${list}`)).body)
      expect(rows.map((row) => row.list)).toEqual([list, list, list])
    }
  })

  test.each([',', ';'])('with %j has no cell that is a formula, however a spreadsheet parts it', async (delimiter) => {
    for (const format of ['own', 'letterboxd', 'imdb']) {
      const { body } = await get(`?format=${format}&delimiter=${encodeURIComponent(delimiter)}`)
      // Whoever parts by the other separator sees the quotes as text.
      for (const cell of body.split(/[,;\t\r\n]/))
        expect([format, cell.replace(/^"/, '')]).not.toEqual([format, expect.stringMatching(/^[=+\-@＝＋－＠]/)])
    }
  })

  test.each(['format=csv', 'delimiter=|', 'delimiter=', 'list=watched', 'bom=1', 'dry_run=true'])(
    '%s is refused',
    async (query) => {
      expectProblem(await get(`?${query}`), 400, 'invalid_input')
    },
  )

  test('HEAD has the headers of the form', async () => {
    const head = await ann.request({ method: 'HEAD', url: '/user/lists.csv?format=letterboxd&list=wishlist' })
    expect([head.statusCode, head.body, head.headers['content-disposition']]).toEqual([
      200,
      '',
      'attachment; filename="watchlist.csv"',
    ])
  })
})

describe('The form of Letterboxd', () => {
  test('has the ratings as its import takes them', async () => {
    const response = await get('?format=letterboxd')
    expect(response.headers['content-disposition']).toBe('attachment; filename="ratings.csv"')
    expect(response.body.split('\r\n')).toEqual([
      'imdbID,Title,Year,Rating10,WatchedDate',
      'tt0234215,The Matrix Reloaded,2003,7,2024-05-04',
      ",'＝2+2,2001,7,2020-01-01",
      'tt0133093,The Matrix,1999,7,2016-04-11',
      '',
    ])
  })

  test('has the other lists without scores', async () => {
    for (const [list, name] of [
      ['wishlist', 'watchlist'],
      ['favorites', 'favorites'],
    ]) {
      const response = await get(`?format=letterboxd&list=${list}`)
      expect(response.headers['content-disposition']).toBe(`attachment; filename="${name}.csv"`)
      expect(response.body.split('\r\n').slice(0, 2)).toEqual([
        'imdbID,Title,Year',
        'tt0234215,The Matrix Reloaded,2003',
      ])
    }
  })
})

test.each(['letterboxd', 'imdb'])('a list in the form of %s is known again by the name of its file', async (format) => {
  for (const list of ['favorites', 'wishlist'] as const) {
    const response = await get(`?format=${format}&list=${list}`)
    const [, name] = /filename="(.*)"/.exec(`${response.headers['content-disposition']}`) ?? []
    const bob = await collector(service)
    expect(await bob.upload(response.body, { name: `${name}` })).toMatchObject({ created: 3, failed: 0 })
    expect((await bob[list]()).toSorted()).toEqual((await ann[list]()).toSorted())
  }
})

describe('The form of IMDb', () => {
  test('has the ratings as IMDb exports them, and is imported here', async () => {
    const { body } = await get('?format=imdb')
    expect(body.split('\r\n')[0]).toBe(
      'Const,Your Rating,Date Rated,Title,Original Title,URL,Title Type,IMDb Rating,Runtime (mins),Year,Genres,Num Votes,Release Date,Directors',
    )
    expect(read(body)[2]).toMatchObject({
      Const: 'tt0133093',
      'Your Rating': '7',
      'Date Rated': '2016-04-12',
      Title: 'Матрица',
      'Original Title': 'The Matrix',
      URL: 'https://www.imdb.com/title/tt0133093/',
      'Title Type': 'Movie',
      'Runtime (mins)': '136',
      Year: '1999',
    })
    const bob = await collector(service)
    expect(await bob.upload(body, { name: 'ratings.csv' })).toMatchObject({ format: 'imdb', rows: 3 })
    expect(await bob.ratings()).toEqual(
      expect.arrayContaining([
        [299, 7],
        [301, 7],
      ]),
    )
  })

  test('has the other lists with their positions, and a film without an IMDb id too', async () => {
    const { body } = await get('?format=imdb&list=wishlist')
    expect(body).toMatch(/^Position,Const,Created,Modified,Description,Title,/)
    expect(read(body).map((row) => [row.Position, row.Const, row.Created])).toEqual([
      ['1', 'tt0234215', '2024-05-04'],
      ['2', '', '2020-01-01'],
      ['3', 'tt0133093', '2016-04-11'],
    ])
    const bob = await collector(service)
    await bob.upload(body, { name: 'watchlist.csv' })
    expect((await bob.wishlist()).toSorted()).toEqual(expect.arrayContaining([299, 301]))
  })
})
