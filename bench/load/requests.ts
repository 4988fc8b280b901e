import { pick, randomNumbers } from '../quota-day/random.ts'
import { type Reader, type Stage, searchPath } from './stage.ts'
import type { Request } from './wrk.ts'

const many = 100_000

export const repeatedList = '/films?limit=20&genre=genre%203&min_rate=7.9&sort=-rate'

const bearer = ({ token }: Reader) => `authorization: Bearer ${token}`

/** Films at random, any of all of them. */
export function details({ ids }: Stage): Request[] {
  const random = randomNumbers(13)
  return Array.from({ length: 3 * many }, () => ({ path: `/films/${pick(random, ids)}` }))
}

export function withTokens(requests: Request[], { readers }: Stage): Request[] {
  return requests.map((request, index) => ({ ...request, header: bearer(readers[index % readers.length] as Reader) }))
}

/** Of some 600,000 filters no two alike, nearly: a genre that is neither the rarest nor the commonest, a rate, a year. */
export function lists(size = many): Request[] {
  const random = randomNumbers(11)
  const between = (low: number, high: number) => low + Math.floor(random() * (high - low + 1))
  return Array.from({ length: size }, () => {
    const filter = { genre: `genre ${between(2, 39)}`, min_rate: String(between(700, 940) / 100) }
    const query = new URLSearchParams({ limit: '20', ...filter, year_from: String(between(1950, 2015)), sort: '-rate' })
    return { path: `/films?${query}` }
  })
}

export function kinopoiskDetails(stage: Stage): Request[] {
  const random = randomNumbers(12)
  const paths = Array.from({ length: 20_000 }, () => ({ path: `/movies/${pick(random, stage.kinopoiskIds)}` }))
  return withTokens(paths, stage)
}

/** As browsers and most clients ask. */
export function compressed(requests: Request[]): Request[] {
  const coding = 'accept-encoding: br'
  return requests.map((request) => ({ ...request, header: request.header ? `${request.header}\r${coding}` : coding }))
}

/** The same films at upstream's own address, with keys. */
export function compatibleDetails({ kinopoiskIds, readers }: Stage): Request[] {
  const random = randomNumbers(12)
  return Array.from({ length: 20_000 }, (_, index) => ({
    path: `/api/v2.2/films/${pick(random, kinopoiskIds)}`,
    header: `x-api-key: ${(readers[index % readers.length] as Reader).key}`,
  }))
}

export function searches(stage: Stage): Request[] {
  const random = randomNumbers(13)
  const paths = Array.from({ length: 20_000 }, () => ({ path: searchPath(pick(random, stage.queries)) }))
  return withTokens(paths, stage)
}

export function favourites({ readers }: Stage): Request[] {
  return readers.map((reader) => ({ path: '/movies/favorites', header: bearer(reader) }))
}

/** For a peer, which takes the user's word for it. */
export function favouritesById({ readers }: Stage): Request[] {
  return readers.map(({ id }) => ({ path: '/movies/favorites', header: `x-user-id: ${id}` }))
}

/** 80 % reads with tokens, 15 % changes of a user's lists, 5 % ratings and an administrator's changes of films. */
export function mixed(stage: Stage): Request[] {
  const random = randomNumbers(14)
  const reads = [
    details(stage),
    details(stage),
    lists(20_000),
    kinopoiskDetails(stage),
    searches(stage),
    favourites(stage),
  ]
  const [admin] = stage.readers as [Reader]
  const added: { path: string; reader: Reader }[] = []
  return Array.from({ length: many }, (): Request => {
    const reader = pick(random, stage.readers)
    const film = pick(random, random() < 0.5 ? stage.kinopoiskIds : stage.ids)
    const kind = random()
    if (kind < 0.8) return { header: bearer(reader), ...pick(random, pick(random, reads)) }
    if (kind < 0.95) {
      // What was added is removed in time, so that lists keep their length.
      const old = added.length > 200 ? added.shift() : undefined
      if (old) return { method: 'DELETE', path: old.path, header: bearer(old.reader) }
      added.push({ path: `/favorites/movies/${film}`, reader })
      return { method: 'POST', path: `/favorites/movies/${film}`, header: bearer(reader) }
    }
    if (kind < 0.975) {
      const body = { value: 1 + Math.floor(10 * random()) }
      return { method: 'PUT', path: `/films/${film}/rating`, header: bearer(reader), body }
    }
    const body = { minutes: 40 + Math.floor(140 * random()) }
    return { method: 'PATCH', path: `/films/${pick(random, stage.ids)}`, header: bearer(admin), body }
  })
}

/**
 * Pages by cursor of all nine sorts: those behind the first, and those behind `position`. So many that a cache of pages
 * for a second knows few of them.
 */
export async function pages({ service }: Stage, position: number, perSort = 400): Promise<Request[]> {
  const sorts = ['id', 'rate', '-rate', 'year', '-year', 'minutes', '-minutes', 'name', '-name']
  const chains = sorts.map(async (sort) => {
    const first = new URLSearchParams({ limit: '20', sort, page: String(Math.floor(position / 20) + 1) })
    const found: Request[] = []
    for (let path = `/films?${first}`; found.length < perSort; ) {
      const answer = await fetch(`http://127.0.0.1:${service.port}${path}`)
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
      const { next_cursor: cursor } = (await answer.json()) as { next_cursor: string | null }
      if (!cursor) break
      path = `/films?${new URLSearchParams({ limit: '20', sort, cursor })}`
      found.push({ path })
    }
    return found
  })
  const random = randomNumbers(15)
  return (await Promise.all(chains))
    .flat()
    .map((request) => ({ request, place: random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ request }) => request)
}
