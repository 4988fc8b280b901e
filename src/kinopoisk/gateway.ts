import type { Registry } from 'prom-client'
import type { Database } from '../db/connect.ts'
import type { Memory } from '../db/memory.ts'
import type { ErrorCode } from '../errors.ts'
import { type AnswerRepository, createAnswerRepository } from './answers.ts'
import { type BudgetOptions, createBudget } from './budget.ts'
import { type Clock, cached, type KeptTimes, kept, systemClock } from './cache.ts'
import { type CircuitPauses, createCircuits } from './circuits.ts'
import { type FilmAnswer, filmQuestion, isFilmId, listQuestion, staffQuestion, votesQuestion } from './endpoints.ts'
import { joined } from './flights.ts'
import { questionOfSearch, resultOfSearch, type SearchResult } from './found.ts'
import { createHeard, type Heard, type Make, type Use } from './heard.ts'
import { leased } from './leased.ts'
import { createLeaseRepository } from './leases.ts'
import { createMeter, measured, type Result } from './meter.ts'
import { createNews, type News } from './news.ts'
import {
  type KinopoiskFilm,
  type KinopoiskPerson,
  type KinopoiskVote,
  normaliseFilm,
  normalisePerson,
  normaliseVote,
} from './normalise.ts'
import { type Answer, type Ask, compose, type Endpoint, type Layer, type Purpose, type Question } from './question.ts'
import { retried } from './retry.ts'
import { createStatus, type GatewayStatus } from './status.ts'
import { createTeller, type Told } from './told.ts'
import { createUnasked } from './unasked.ts'
import { createUpstream, type UpstreamOptions } from './upstream.ts'

export type { SearchResult } from './found.ts'
export type { Told } from './told.ts'

export interface VotesPage {
  total: number
  pages: number
  items: KinopoiskVote[]
}

/** Every call throws upstream_* when upstream can't be asked and nothing is kept. */
export interface Gateway {
  /** Null: Kinopoisk knows no such film. */
  film(id: number, purpose?: Purpose): Promise<Told<Heard<KinopoiskFilm | null> | null>>
  /** What `use` makes of the same, if an answer that is fresh and tells of a film is in memory; it may leave it aside. */
  filmAtHand<U>(id: number, use: Use<KinopoiskFilm | null, U>): U | undefined
  /** The same, asked anew whatever is kept. */
  refreshFilm(id: number, purpose?: Purpose): Promise<Told<Heard<KinopoiskFilm | null> | null>>
  /** `page` 1…20, 20 films each. */
  search(keyword: string, page: number): Promise<Told<Heard<SearchResult>>>
  /** What `use` makes of the same, if a fresh answer is in memory. */
  searchAtHand<U>(keyword: string, page: number, use: Use<SearchResult, U>): U | undefined
  /** `page` 1…100 of a Kinopoisk user's votes, 20 each. Null: Kinopoisk knows no such user. */
  votes(userId: number, page: number): Promise<Told<VotesPage | null>>
  /** Who made a film, directors first; nobody when Kinopoisk doesn't know. */
  staff(filmId: number): Promise<Told<KinopoiskPerson[]>>
  /**
   * How to tell of what is served from our own films instead, because of `reason`: a film as it was stored at
   * `syncedAt`, whole or in part, or films found by our own search (`local`).
   */
  instead(result: 'stale' | 'partial' | 'local', syncedAt: Date | undefined, reason: ErrorCode): Told<null>
  /** `listener` is awaited with all that upstream tells, once for all replicas, before anybody is answered. */
  onNews(listener: (news: News) => Promise<void>): void
  status(): Promise<GatewayStatus>
  start(): Promise<void>
  /** Resolves when nothing is asked in the background. */
  idle(): Promise<void>
  /** Removes what is of no use any more; now and then. */
  tidy(): Promise<void>
  close(): Promise<void>
}

export interface GatewayOptions extends UpstreamOptions, BudgetOptions {
  /** Upstream is the embedded sandbox: Cache-Status says so. */
  sandbox: boolean
  memory: Memory
  clock?: Clock
  registry?: Registry
  /** How often something may be asked unasked, in ms. */
  renewalMs?: number
  circuitPauses?: CircuitPauses | undefined
  /** Told of what went wrong where nobody waits. */
  warn?: (error: unknown, message: string) => void
}

const pageSize = 20
const maxVotePages = 100
// The many calls of an import wait for their turns; an answer takes no longer than of any other call.
const importWaitMs = 60_000

export function createGateway(database: Database, options: GatewayOptions): Gateway {
  const { sandbox, clock = systemClock, warn = () => {}, renewalMs = 60_000 } = options
  const meter = createMeter(options.registry)
  const answers = createAnswerRepository(database.db)
  const shelf = options.memory.shelf<string, KeptTimes>({
    name: 'kinopoisk answer',
    sizeOf: () => 100,
    dropped: { answer: 'one' },
    walkable: true,
  })
  const save: AnswerRepository['save'] = async (path, answer) => {
    await answers.save(path, answer)
    shelf.forget(path)
  }
  const leases = createLeaseRepository(database)
  const circuits = createCircuits(meter, options.circuitPauses)
  const news = createNews(warn)
  const upstream = createUpstream(options, clock)
  const background = new Set<Promise<void>>()
  const inBackground = (work: Promise<void>) => {
    background.add(work)
    void work.finally(() => background.delete(work))
  }
  const idle = async () => void (await Promise.allSettled(background))
  const unforeseen = (error: unknown) => warn(error, 'an answer could not be renewed')
  const leaseMs = Math.min(2_000, Math.max(200, options.timeoutMs / 3))
  const budget = createBudget(
    { ...options, isLearning: () => unasked.isLearning() },
    { db: database.db, ask: upstream.ask, meter, warn },
  )
  const asking: Layer[] = [
    joined(meter),
    circuits.guard,
    ...budget.guards,
    leased({ answers, leases, meter, leaseMs }),
    news.told,
    kept({ save }, clock),
    retried(meter, clock),
    ...budget.layers,
    circuits.watch,
    measured(meter),
  ]
  const anew = compose(upstream.ask, asking)
  const ask = cached(answers, { shelf, clock, meter, inBackground, unforeseen })(anew)
  const told = createTeller(clock, sandbox)

  // Bound once: finding a child by its labels takes longer than all else where an answer comes from memory.
  const counters = new Map<string, { inc(): void }>()
  function counterOf(endpoint: Endpoint, result: Result) {
    const key = `${endpoint} ${result}`
    const counter = counters.get(key) ?? meter.results.labels(endpoint, result)
    counters.set(key, counter)
    return counter
  }

  /** Counts how the question was answered. */
  async function answer<T>(by: Ask, question: Question<T>, purpose: Purpose, seen?: Date): Promise<Answer<T>> {
    const count = (result: Result) => counterOf(question.endpoint, result).inc()
    const waitMs = purpose === 'import' ? importWaitMs : options.timeoutMs
    try {
      const answer = await by(question, { purpose, deadline: performance.now() + waitMs, seen })
      count(resultOf(answer))
      return answer
    } catch (error) {
      count('error')
      throw error
    }
  }
  const { readValue, heard, atHand } = createHeard({
    ...{ answers, shelf, clock, told },
    ask: (question) => answer(anew, question, 'interactive'),
    count: ({ endpoint }) => counterOf(endpoint, 'hit').inc(),
  })
  async function heardOfFilm(by: Ask, id: number, purpose: Purpose, seen?: Date) {
    const found = await askFilm(by, id, purpose, seen)
    if (found.value === null) return told(found, null)
    return heard(filmQuestion(id), found, filmOf)
  }
  const filmOf: Make<FilmAnswer, KinopoiskFilm | null> = (film, fetchedAt) => film && normaliseFilm(film, fetchedAt)
  const askFilm = (by: Ask, id: number, purpose: Purpose, seen?: Date) => answer(by, filmQuestion(id), purpose, seen)

  const unasked = createUnasked({
    db: database.db,
    meter,
    now: clock.now,
    everyMs: renewalMs,
    askFilm: (id) => askFilm(anew, id, 'refresh', clock.now()),
    askPage: (year, page) => answer(anew, listQuestion(year, page), 'refresh', clock.now()),
    inBackground,
    unforeseen,
  })

  return {
    filmAtHand: (id, use) => (isFilmId(id) ? atHand(filmQuestion(id), filmOf, use) : undefined),
    film: (id, purpose = 'interactive') => heardOfFilm(ask, id, purpose),
    refreshFilm: (id, purpose = 'interactive') => heardOfFilm(anew, id, purpose, clock.now()),
    searchAtHand: (keyword, page, use) =>
      atHand(questionOfSearch(keyword, page), (value) => resultOfSearch(value, page), use),
    async search(keyword, page) {
      const question = questionOfSearch(keyword, page)
      const found = await answer(ask, question, 'interactive')
      return heard(question, found, (value) => resultOfSearch(value, page))
    },
    async votes(userId, page) {
      const question = votesQuestion(userId, page)
      const found = await answer(ask, question, 'import')
      const value = await readValue(question, found)
      if (!value) return told(found, null)
      const { total, items } = value
      const pages = Math.min(maxVotePages, Math.ceil(total / pageSize))
      return told(found, { total, pages, items: items.filter((vote) => isFilmId(vote.kinopoiskId)).map(normaliseVote) })
    },
    async staff(filmId) {
      const question = staffQuestion(filmId)
      const found = await answer(ask, question, 'interactive')
      return told(found, ((await readValue(question, found)) ?? []).map(normalisePerson))
    },
    instead(result, syncedAt, reason) {
      if (result !== 'stale') meter.results.inc({ endpoint: result === 'local' ? 'search' : 'film', result })
      const fetchedAt = syncedAt ?? clock.now()
      const stored = told({ value: null, fetchedAt, via: 'stale', reason }, null)
      return result === 'local' ? { ...stored, source: 'local' } : stored
    },
    onNews: news.listen,
    status: createStatus({ sandbox, usage: budget.usage, circuits, answers, meter, now: clock.now }),
    async start() {
      // Without it the ends of askings are seen a little later.
      await leases.listen().catch((error) => warn(error, 'notifications of other replicas cannot be had'))
      inBackground(budget.start())
    },
    idle,
    tidy: leases.deleteExpired,
    async close() {
      budget.close()
      unasked.close()
      await upstream.close()
      await idle()
    },
  }
}

function resultOf({ via, value }: Answer<unknown>): Result {
  if (via === 'stale') return 'stale'
  if (via !== 'hit') return 'miss'
  return value === null ? 'negative' : 'hit'
}
