import { once } from 'node:events'
import { type ClientRequest, get as httpGet, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { drizzle } from 'drizzle-orm/postgres-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createMovieStream } from '../src/modules/movies/listing/stream-repository.ts'
import { createMovieRepository } from '../src/modules/movies/repository.ts'
import { templates } from './support/database.ts'
import { cloneDatabase } from './support/databases.ts'
import { type Catalogue, catalogue, problemOf } from './support/films.ts'
import { inDatabase } from './support/movies.ts'

interface Movie {
  id: number
  title: string
  year: number
  genre: { id: number; name: string } | null
  director: { id: number; name: string } | null
  description: string | null
  trailer: string | null
}

const size = 1234
let service: Catalogue
let base: string
let token: string

beforeAll(async () => {
  // Not a kept one: what was in that counts in plans.
  service = await catalogue({}, { databaseUrl: await cloneDatabase(templates.withAdmin) })
  await service.add({ name: 'Фильм со всем', description: 'О чём он', trailer: 'https://trailer.example/' })
  await service.reader({ method: 'GET', url: '/movies/301' })
  await inDatabase(service.databaseUrl, async (sql) => {
    await sql`insert into films (listed, name, director_id, year)
      select true, 'Ряд ' || i, ${service.directorId}, 1950 + i % 40 from generate_series(1, ${size - 1}::int) i`
    await sql`insert into film_genres (film_id, genre_id, position) select films.id, g.id, 0
      from films, (select min(id) as id from genres) g where name like 'Ряд %'`
    await sql`insert into films (listed, name) values (false, 'Не в каталоге')`
    await sql`analyze`
  })
  base = await service.app.listen({ port: 0, host: '127.0.0.1' })
  const { headers } = (await service.reader({ method: 'GET', url: '/user' })).raw.req
  token = String(headers.authorization)
})
afterAll(() => service.close())

async function list(query = ''): Promise<Movie[]> {
  const response = await service.get(`/movies${query}`)
  expect(response.statusCode, response.body.slice(0, 300)).toBe(200)
  expect(response.headers['content-type']).toBe('application/json; charset=utf-8')
  return response.json()
}

const ids = (movies: Movie[]) => movies.map((movie) => movie.id)
const newestFirst = (a: Movie, b: Movie) => b.year - a.year || b.id - a.id

describe('GET /movies', () => {
  test('without a page it is all movies of the catalogue by id, each as GET /movies/{id} tells it', async () => {
    const movies = await list()
    expect(movies).toHaveLength(size)
    expect(ids(movies)).toEqual(ids(movies).toSorted((a, b) => a - b))
    for (const movie of [movies[0], movies[600], movies.at(-1)]) {
      expect(movie).toEqual((await service.get(`/movies/${movie?.id}`)).json())
    }
  })

  test('no movie has a null where a client would crash on it', async () => {
    for (const movie of await list()) {
      expect(movie).toMatchObject({
        description: expect.any(String),
        trailer: expect.any(String),
        genre: { id: expect.any(Number), name: expect.any(String) },
        director: { id: expect.any(Number), name: expect.any(String) },
      })
    }
  })

  test.each(['status=new', 'status=New', 'status=%20NEW', 'state=new', 'state=nEW', 'status=new&state=NEW'])(
    '%s is newest year first, then the id descending',
    async (query) => {
      const movies = await list(`?${query}`)
      expect(movies).toHaveLength(size)
      expect(ids(movies)).toEqual(ids(movies.toSorted(newestFirst)))
    },
  )

  test.each(['', '&status=new'])('its pages of 12 put together are all of it%s', async (query) => {
    const pages = await Promise.all(Array.from({ length: 104 }, (_, i) => list(`?page=${i + 1}${query}`)))
    expect(pages.map((page) => page.length)).toEqual([...Array(102).fill(12), 10, 0])
    expect(pages.flat()).toEqual(await list(`?${query}`))
  })

  test('a page tells the number of all and the neighbouring pages', async () => {
    const told = async (query: string) => {
      const { headers } = await service.get(`/movies?${query}`)
      return [headers['x-total-count'], headers.link]
    }
    const link = (query: string, rel: string) => `</movies?${query}>; rel="${rel}"`
    expect(await told('page=1')).toEqual([
      '1234',
      [link('page=1', 'first'), link('page=2', 'next'), link('page=103', 'last')].join(', '),
    ])
    expect(await told('status=New&page=103')).toEqual([
      '1234',
      [
        link('status=new&page=1', 'first'),
        link('status=new&page=102', 'prev'),
        link('status=new&page=103', 'last'),
      ].join(', '),
    ])
    expect(await told('page=1000000')).toEqual([
      '1234',
      [link('page=1', 'first'), link('page=103', 'prev'), link('page=103', 'last')].join(', '),
    ])
    expect(await told('')).toEqual([undefined, undefined])
  })

  test.each([
    'status=old',
    'status=',
    'status=new&state=old',
    'status=new&status=new',
    'state=1',
    'page=0',
    'page=-1',
    'page=1.5',
    'page=two',
    'page=',
    'page=1&page=2',
    'page=1000001',
    'limit=20',
  ])('%s is refused', async (query) => {
    problemOf(await service.get(`/movies?${query}`), 400, 'invalid_input')
  })

  test('a film that is made or taken away is there or gone at once, also in the number of all', async () => {
    const { id } = await service.add({ year: 2030 })
    const newest = async () => {
      const response = await service.get('/movies?status=new&page=1')
      return [response.json()[0].id === id, response.headers['x-total-count']]
    }
    expect(await newest()).toEqual([true, '1235'])
    await service.admin({ method: 'DELETE', url: `/films/${id}` })
    expect(await newest()).toEqual([false, '1234'])
  })

  test('a catalogue without films is []', async () => {
    const empty = await catalogue()
    for (const url of ['/movies', '/movies?status=new', '/movies?page=1']) {
      expect((await empty.get(url)).body).toBe('[]')
    }
    await empty.close()
  })
})

describe('All movies are streamed', () => {
  /** How many batches the database was asked for while `work` went on. */
  async function counting<T>(work: (asked: () => number) => Promise<T>): Promise<{ result: T; batches: () => number }> {
    let asked = 0
    const { options } = service.app.database.sql
    const { debug } = options
    options.debug = (_connection, query) => {
      if (/listed and/.test(query)) asked += 1
    }
    const result = await work(() => asked)
    return {
      result,
      batches: () => {
        options.debug = debug
        return asked
      },
    }
  }

  async function open(path: string): Promise<[IncomingMessage, ClientRequest]> {
    const request = httpGet(base + path, { headers: { authorization: token } })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    return [response, request]
  }

  test('HEAD reads no more than the beginning', async () => {
    const { result, batches } = await counting(async () => {
      const answer = await fetch(`${base}/movies`, { method: 'HEAD', headers: { authorization: token } })
      await sleep(100)
      return answer
    })
    expect([result.status, result.headers.get('content-length'), await result.text()]).toEqual([200, null, ''])
    expect(result.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(batches()).toBeLessThanOrEqual(1)
  })

  test('a failure before anything was sent is a problem', async () => {
    const { sql } = service.app.database
    await sql`alter table films rename to films_away`
    const response = await service.get('/movies')
    await sql`alter table films_away rename to films`
    problemOf(response, 500, 'internal_error')
  })

  describe('to a reader who takes their time', () => {
    beforeAll(() =>
      inDatabase(service.databaseUrl, async (sql) => {
        await sql`insert into films (listed, name, director_id, year, description)
          select true, 'Большой ' || i, ${service.directorId}, 1940, repeat('я', 9000) from generate_series(1, 6000) i`
      }),
    )

    test('no connection is held, and the rest is not read ahead; then it comes whole', { tags: 'slow' }, async () => {
      const { result, batches } = await counting(async (asked) => {
        const [response] = await open('/movies')
        for (let seen = -1; seen < asked(); ) {
          seen = asked()
          await sleep(700)
        }
        return response
      })
      const busy = await service.app.database.sql`select pid from pg_stat_activity
        where datname = current_database() and state <> 'idle' and query ~ 'listed and' and pid <> pg_backend_pid()`
      const read = batches()
      expect(busy).toEqual([])
      expect(read).toBeGreaterThan(0)
      expect(read).toBeLessThan(12)
      let text = ''
      for await (const part of result.setEncoding('utf8')) text += part
      expect(JSON.parse(text)).toHaveLength(size + 6000)
    })

    test('who hangs up is read for no longer', { tags: 'slow' }, async () => {
      const before = service.log().length
      const { result, batches } = await counting(async () => {
        const [response, request] = await open('/movies')
        await once(response, 'data')
        request.destroy()
        await sleep(500)
        return response
      })
      expect(result.destroyed).toBe(true)
      expect(batches()).toBeLessThan(12)
      expect(service.log().slice(before)).not.toContain('"level":50')
    })

    test('a failure in the middle cuts the connection, so that a part is not taken for the whole', {
      tags: 'slow',
    }, async () => {
      const [response] = await open('/movies')
      await sleep(300)
      const { sql } = service.app.database
      await sql`alter table films rename to films_away`
      let text = ''
      const reading = async () => {
        for await (const part of response.setEncoding('utf8')) text += part
      }
      await expect(reading()).rejects.toThrow()
      await sql`alter table films_away rename to films`
      expect(() => JSON.parse(text)).toThrow()
      expect(text).not.toContain('internal_error')
    })
  })
})

describe('In the database', () => {
  test.each([
    ['id', 'films_listed_id_idx'],
    ['new', 'films_year_idx'],
  ] as const)(
    'every part of the listing by %s is a range of %s, never sorted',
    { tags: 'slow' },
    async (order, index) => {
      await inDatabase(service.databaseUrl, async (sql) => {
        await sql`insert into films (listed, name, year, director_id)
        select i % 4 = 0, 'Много ' || i || ${order}, 1900 + i % 100, ${service.directorId} from generate_series(1, 32000) i`
        await sql`insert into favourites (user_id, film_id)
        select u.id, f.id from (select min(id) as id from users) u, films f on conflict do nothing`
        await sql`vacuum analyze`
        const asked: { query: string; params: unknown[] }[] = []
        const db = drizzle(sql, { logger: { logQuery: (query, params) => asked.push({ query, params }) } })
        const movies = createMovieRepository(db, () => null)
        sql.options.debug = (_connection, query, params) => asked.push({ query, params })
        const stream = createMovieStream(sql, () => null)
        const { last } = await stream.readBehind(order, () => '')
        await stream.readBehind(order, () => '', last)
        sql.options.debug = false
        await movies.listPage(order, 300)
        expect(asked).toHaveLength(3)
        for (const { query, params } of asked) {
          const plan = (await sql.unsafe(`explain ${query}`, params as never[]).values()).flat().join('\n')
          expect(plan).toContain(index)
          expect(plan).not.toMatch(/Seq Scan on (films|film_genres|favourites)/)
          const sorted = /Sort .*rows=(\d+)/.exec(plan)
          expect(Number(sorted?.[1] ?? 0)).toBeLessThanOrEqual(12)
        }
      })
    },
  )
})
