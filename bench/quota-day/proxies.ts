import { Pool } from 'undici'
import type { SimulatedClock } from './clock.ts'
import type { Reply } from './judge.ts'
import type { OwnRequest, UserRequest } from './traffic.ts'

export interface Contender {
  fetch(request: OwnRequest): Promise<Reply>
  /** Its own clock goes first: two calls must not be closer together by Kinopoisk's than by its own. */
  beforeJump?(toShiftMs: number): Promise<void>
  /** Calls that it has written down as paid, since it began. */
  paid?(): Promise<number>
  close(): Promise<void>
}

interface UpstreamFilm {
  kinopoiskId?: number
  filmId?: number
  nameRu?: string | null
  nameEn?: string | null
  nameOriginal?: string | null
  year: number | string | null
}

/** Hands every request on. */
export function naiveProxy(url: string): Contender {
  const pool = new Pool(url, { connections: 20 })
  return {
    async fetch(request) {
      const { statusCode, body } = await pool.request({
        method: 'GET',
        path: pathOf(request),
        headers: { 'x-api-key': 'naive' },
      })
      const answer = (await body.json()) as UpstreamFilm & { films?: UpstreamFilm[] }
      if (statusCode !== 200) return { how: 'error', films: [], code: String(statusCode) }
      return { how: 'full', films: (answer.films ?? [answer]).map(filmOf) }
    },
    close: () => pool.close(),
  }
}

/** Keeps every good answer for five minutes, in memory. */
export function memoryProxy(url: string, clock: SimulatedClock): Contender {
  const naive = naiveProxy(url)
  const kept = new Map<string, { reply: Reply; until: number }>()
  return {
    async fetch(request) {
      const path = pathOf(request)
      const found = kept.get(path)
      if (found && found.until > clock.now()) return found.reply
      const reply = await naive.fetch(request)
      if (reply.how === 'full') kept.set(path, { reply, until: clock.now() + 300_000 })
      return reply
    },
    close: naive.close,
  }
}

function pathOf({ film, query }: UserRequest): string {
  if (query === undefined) return `/api/v2.2/films/${film.id}`
  return `/api/v2.1/films/search-by-keyword?${new URLSearchParams({ keyword: query, page: '1' })}`
}

function filmOf(film: UpstreamFilm): Reply['films'][number] {
  return {
    id: film.kinopoiskId ?? film.filmId ?? 0,
    title: film.nameRu ?? film.nameOriginal ?? film.nameEn ?? '',
    year: film.year === null ? null : Number(film.year),
  }
}
