import type { Cache } from '../../cache/cache.ts'
import { chain, type MaybePromise } from '../../cache/maybe-promise.ts'
import { AppError, isUpstream } from '../../errors.ts'
import { type JsonPayload, serialize } from '../../http/json-payload.ts'
import type { CompatibleEndpoint, CompatibleRequest } from '../../kinopoisk/compatible/table.ts'
import type { CachedResult, Gateway, LazyResult } from '../../kinopoisk/gateway.ts'
import type { CallerBudget } from '../../kinopoisk/quota/caller-budgets.ts'
import type { Caller } from '../../kinopoisk/request.ts'
import type { MovieService } from '../movies/service.ts'
import { createKnownFilms } from './known-films.ts'

export type CompatibleService = ReturnType<typeof createCompatibleService>

interface Dependencies {
  endpoints: CompatibleEndpoint[]
  kinopoisk: Pick<Gateway, 'readAddress' | 'text' | 'fallback' | 'spending'>
  movies: Pick<MovieService, 'isOfKinopoisk' | 'searchKnown' | 'findItemsByImdb'>
  cache: Cache
}

/** An answer, and how it came. */
interface Answer {
  result: CachedResult<unknown>
  json: JsonPayload
  /** What the caller may still spend. */
  budget: CallerBudget | undefined
}

type Rendered = Omit<Answer, 'budget'>

/** Upstream's own addresses, served out of what is stored. */
export function createCompatibleService({ endpoints, kinopoisk, movies, cache }: Dependencies) {
  // A key is never that of a newer response.
  const texts = cache.region<string, JsonPayload>({
    name: 'compatible answer',
    sizeOf: ({ bytes }) => bytes.length,
    invalidatedBy: {},
    scanResistant: true,
  })
  const findKnown = createKnownFilms(movies)

  function render(result: CachedResult<LazyResult<string> | null>): MaybePromise<Rendered> {
    const { value } = result
    if (!value) throw nothing()
    const { key } = value
    const found = texts.find(key, async () => serialize(await value.read())) as MaybePromise<JsonPayload>
    return chain(found, (json) => ({ result, json }))
  }

  async function fromKnown({ known }: CompatibleRequest, { userId }: Caller, error: unknown): Promise<Rendered> {
    const text = known && isUpstream(error) ? await findKnown(known, userId) : undefined
    if (text === undefined || !isUpstream(error)) throw error
    return { result: kinopoisk.fallback('local', undefined, error.code), json: serialize(text) }
  }

  function ask(asked: CompatibleRequest, caller: Caller): MaybePromise<Rendered> {
    const found = kinopoisk.text(asked.request, caller)
    return found instanceof Promise ? found.then(render, (error) => fromKnown(asked, caller, error)) : render(found)
  }

  /** What is kept is served also where it can't be read what is left. */
  function budgetOf(caller: Caller): MaybePromise<CallerBudget | undefined> {
    const budget = kinopoisk.spending.budgetOf(caller)
    return budget instanceof Promise ? budget.catch(() => undefined) : budget
  }

  return {
    endpoints,

    /**
     * The answer to an address of upstream's own: fresh, or kept and expired, or of films known here.
     * @throws {AppError} invalid_input, not_found, or upstream_* when none of these can be had
     */
    find(url: string, caller: Caller): MaybePromise<Answer> {
      const asked = kinopoisk.readAddress(url)
      if (!asked) throw nothing()
      const { filmId } = asked.request
      const mayExist = filmId === undefined || movies.isOfKinopoisk(filmId)
      const found = chain(mayExist, (exists) => {
        if (!exists) throw nothing()
        return ask(asked, caller)
      })
      return chain(found, (rendered) => chain(budgetOf(caller), (budget): Answer => ({ ...rendered, budget })))
    },

    budgetOf,

    /** What a client may still spend, in the form of a Kinopoisk key's account. */
    async account(caller: Caller) {
      const { limit, used } = await kinopoisk.spending.budgetOf(caller)
      // Clients that see a spent quota ask nothing more, and what is kept could still be had.
      const hasLimit = limit >= 0 && used < limit
      return {
        totalQuota: { value: -1, used },
        dailyQuota: { value: hasLimit ? limit : -1, used },
        accountType: hasLimit ? ('FREE' as const) : ('UNLIMITED' as const),
      }
    },
  }
}

function nothing(): AppError {
  return new AppError('not_found', { detail: 'Kinopoisk has nothing at this address' })
}
