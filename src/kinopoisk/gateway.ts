import type { Db } from '../db/connect.ts'
import { createAnswerRepository } from './answers.ts'
import { type Clock, cached, systemClock } from './cache.ts'
import { filmQuestion, searchQuestion, staffQuestion, votesQuestion } from './endpoints.ts'
import {
  type KinopoiskFilm,
  type KinopoiskItem,
  type KinopoiskPerson,
  type KinopoiskVote,
  normaliseFilm,
  normaliseItem,
  normalisePerson,
  normaliseVote,
} from './normalise.ts'
import { type Answer, compose } from './question.ts'
import { createUpstream, type UpstreamOptions } from './upstream.ts'

/** A value with how it came: `source` for the body, the other two for the Age and Cache-Status (RFC 9211) headers. */
export interface Told<T> {
  value: T
  source: 'kinopoisk' | 'cache'
  ageSeconds: number
  cacheStatus: string
}

export interface SearchResult {
  total: number
  pages: number
  items: KinopoiskItem[]
}

export interface VotesPage {
  total: number
  pages: number
  items: KinopoiskVote[]
}

export interface Gateway {
  /** Null: Kinopoisk knows no such film. Throws upstream_* when it can't be asked and nothing is kept. */
  film(id: number): Promise<Told<KinopoiskFilm | null>>
  /** `page` 1…20, 20 films each. Throws upstream_* when it can't be asked and nothing is kept. */
  search(keyword: string, page: number): Promise<Told<SearchResult>>
  /** `page` 1…100 of a Kinopoisk user's votes, 20 each. Null: Kinopoisk knows no such user. Throws as the others. */
  votes(userId: number, page: number): Promise<Told<VotesPage | null>>
  /** Who made a film, directors first; nobody when Kinopoisk doesn't know. Throws as the others. */
  staff(filmId: number): Promise<Told<KinopoiskPerson[]>>
  /** How to tell of a film that is served as it was stored at `syncedAt`, because upstream could not be asked. */
  stale(syncedAt: Date | undefined, reason: string): Told<null>
  close(): Promise<void>
}

interface GatewayOptions extends UpstreamOptions {
  /** Upstream is the embedded sandbox: Cache-Status says so. */
  sandbox: boolean
  clock?: Clock
}

const pageSize = 20
const maxPages = 20
const maxVotePages = 100
const isFilmId = (id: number) => id >= 1 && id <= 10_000_000

export function createGateway(db: Db, { sandbox, clock = systemClock, ...options }: GatewayOptions): Gateway {
  const upstream = createUpstream(options, clock)
  const ask = compose(upstream.ask, [cached(createAnswerRepository(db), clock)])

  const told = <T, V>(answer: Answer<T>, value: V): Told<V> => ({
    value,
    source: answer.via === 'stale' ? 'cache' : 'kinopoisk',
    ageSeconds: Math.max(0, Math.round((clock.now().getTime() - answer.fetchedAt.getTime()) / 1000)),
    cacheStatus: cacheStatus(answer, clock.now(), sandbox),
  })

  return {
    async film(id) {
      const answer = await ask(filmQuestion(id))
      return told(answer, answer.value && normaliseFilm(answer.value, answer.fetchedAt))
    },
    async search(keyword, page) {
      const answer = await ask(searchQuestion(searchKey(keyword), page))
      const items = (answer.value?.films ?? []).filter((film) => isFilmId(film.filmId))
      // Upstream's own page count can't be trusted, its total can.
      const total = Math.max(
        answer.value?.searchFilmsCountResult ?? 0,
        items.length && (page - 1) * pageSize + items.length,
      )
      const pages = Math.min(maxPages, Math.ceil(total / pageSize))
      return told(answer, { total, pages, items: items.map(normaliseItem) })
    },
    async votes(userId, page) {
      const answer = await ask(votesQuestion(userId, page))
      if (!answer.value) return told(answer, null)
      const { total, items } = answer.value
      const pages = Math.min(maxVotePages, Math.ceil(total / pageSize))
      return told(answer, {
        total,
        pages,
        items: items.filter((vote) => isFilmId(vote.kinopoiskId)).map(normaliseVote),
      })
    },
    async staff(filmId) {
      const answer = await ask(staffQuestion(filmId))
      return told(answer, (answer.value ?? []).map(normalisePerson))
    },
    stale: (syncedAt, reason) => {
      const answer = { value: null, text: null, fetchedAt: syncedAt ?? clock.now(), via: 'stale' as const, reason }
      return told(answer, null)
    },
    close: upstream.close,
  }
}

/** Queries that differ in case, spaces or Unicode form are one question. */
function searchKey(keyword: string): string {
  return keyword.normalize('NFC').trim().replace(/\s+/g, ' ').toLowerCase()
}

function cacheStatus(answer: Answer<unknown>, now: Date, sandbox: boolean): string {
  const ttl = answer.expiresAt ? Math.round((answer.expiresAt.getTime() - now.getTime()) / 1000) : 0
  const how = {
    miss: 'fwd=miss; stored',
    expired: 'fwd=stale; stored',
    hit: `hit; ttl=${ttl}`,
    stale: `hit; ttl=${ttl}`,
  }
  const details = [sandbox && 'sandbox', answer.reason].filter(Boolean).join(' ')
  return `kinoteka; ${how[answer.via]}${details && `; detail="${details}"`}`
}
