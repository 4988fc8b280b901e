import type { Discovery } from '../normalise.ts'
import type { Endpoint, Layer } from '../request.ts'
import type { WithdrawnRepository } from '../store/withdrawn.ts'

interface Options {
  withdrawn: WithdrawnRepository
  now(): Date
  onUnexpected(error: unknown): void
}

// How late another replica's change is seen here.
const rereadMs = 5_000

// Their `kinopoiskId` is that of a review, a person or a post, and no film is named in them.
const filmless = new Set<Endpoint>(['reviews', 'persons', 'media_posts', 'awards'])

export type WithdrawnFilms = ReturnType<typeof createWithdrawnFilms>

/** Films that an operator wants withdrawn are neither asked for nor served, whatever has them in it. */
export function createWithdrawnFilms({ withdrawn, now, onUnexpected }: Options) {
  let ids = new Set<number>()
  let version = 0
  let readAt = Number.NEGATIVE_INFINITY

  async function reread(): Promise<void> {
    readAt = performance.now()
    const found = new Set(await withdrawn.findAll())
    if (found.symmetricDifference(ids).size > 0) version += 1
    ids = found
  }

  /** As of the last seconds. */
  function current(): Set<number> {
    if (performance.now() - readAt > rereadMs) void reread().catch(onUnexpected)
    return ids
  }

  const has = (id: number | undefined) => id !== undefined && current().has(id)

  /** What is about a withdrawn film is a 404, unless an administrator asks. */
  const layer: Layer = (fetch) => async (request, context) => {
    if (context.forced || !has(request.filmId)) return fetch(request, context)
    return { value: null, fetchedAt: now(), expiresAt: now(), via: 'hit' }
  }

  return {
    has,
    layer,
    start: () => reread().catch(onUnexpected),

    /** What was made of responses before a change is not to be served after it. */
    version: () => version,

    /** The value of a response without its rows of withdrawn films: those of a list, or the films of a person. */
    withoutRows<T>(value: T, endpoint: Endpoint): T {
      const gone = current()
      if (gone.size === 0 || filmless.has(endpoint)) return value
      const name = endpoint === 'person' ? 'films' : 'rows'
      if (!hasList(value, name)) return value
      const rows = value[name].filter((row) => !gone.has(idOf(row)))
      return rows.length === value[name].length ? value : { ...value, [name]: rows }
    },

    /** The same of JSON as upstream sent it, which is not touched where it names none. */
    withoutFilms(text: string, endpoint: Endpoint): string {
      if (filmless.has(endpoint)) return text
      const gone = [...current()].filter((id) => text.includes(String(id)))
      return gone.length === 0 ? text : JSON.stringify(withoutItems(JSON.parse(text), new Set(gone)))
    },

    withoutDiscovery({ film, items = [] }: Discovery): Discovery {
      const gone = current()
      const isKnown = ({ kinopoisk_id }: { kinopoisk_id: number }) => !gone.has(kinopoisk_id)
      return { ...(film && isKnown(film) && { film }), items: items.filter(isKnown) }
    },

    async withdraw(id: number): Promise<void> {
      await withdrawn.add(id)
      await reread()
    },

    async restore(id: number): Promise<void> {
      await withdrawn.remove(id)
      await reread()
    },
  }
}

function hasList<N extends string>(value: unknown, name: N): value is Record<N, unknown[]> {
  return Array.isArray((value as Record<string, unknown> | null)?.[name])
}

function idOf(row: unknown): number {
  const { filmId, kinopoiskId } = (row ?? {}) as Record<string, unknown>
  return Number(filmId ?? kinopoiskId)
}

function withoutItems(value: unknown, gone: Set<number>): unknown {
  if (Array.isArray(value)) return value.filter((item) => !gone.has(idOf(item))).map((item) => withoutItems(item, gone))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutItems(member, gone)]))
}
