import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from '../../src/db/connect.ts'
import type { FilmFact } from '../../src/embedded/sandbox/films.ts'
import type { Clock } from '../../src/kinopoisk/layers/cache.ts'
import type { FilmResponse } from '../../src/kinopoisk/schemas.ts'

/** A film for the sandbox: everything unknown but what is given. */
export function filmFact(known: Partial<FilmFact> & { id: number }): FilmFact {
  return {
    imdb_id: null,
    name_ru: 'Фильм',
    name_original: null,
    type: 'FILM',
    year: null,
    start_year: null,
    end_year: null,
    minutes: null,
    rating: null,
    votes: null,
    rating_imdb: null,
    votes_imdb: null,
    await_percent: null,
    mpaa: null,
    age_limit: null,
    countries: [],
    genres: [],
    directors: [],
    description: null,
    ...known,
  }
}

/** An upstream that says what no proper sandbox says: `listener` has every call. */
export async function serve(listener: RequestListener) {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Serves film details by the id in the path; what has no details here is a film of which only the id is known. */
export function serveFilms(details: Record<number, Partial<FilmResponse>>) {
  return serve((request, response) => {
    const kinopoiskId = Number(request.url?.split('/').pop())
    response.end(JSON.stringify({ kinopoiskId, ...details[kinopoiskId] }))
  })
}

/** A clock that stands still until it is told to pass. */
export function stoppedClock(random = 0.5) {
  let now = Date.parse('2026-06-01T12:00:00Z')
  const clock: Clock = { now: () => new Date(now), random: () => random }
  return {
    clock,
    pass(seconds: number) {
      now += seconds * 1000
    },
  }
}

type Query = ReturnType<typeof connect>['sql']

/** Looks into, or changes, the database behind the service's back. */
export async function inDatabase<T>(url: string, work: (sql: Query) => Promise<T>): Promise<T> {
  const { sql, close } = connect(url, { max: 1 })
  try {
    return await work(sql)
  } finally {
    await close()
  }
}

export { expectProblem } from './problems.ts'
