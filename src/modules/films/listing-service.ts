import pLimit from 'p-limit'
import { AppError, inputFault } from '../../errors.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { findMatch } from './matching.ts'
import { createRecent } from './recent.ts'
import type { FilmRepository, Filter, Match } from './repository.ts'
import type { FilmQuery, Sort } from './schemas.ts'

// How late a write of another replica may show in a total, or in what a misspelt name stands for.
const ttlMs = 10_000
const maxWaiting = 100

export type FilmListing = ReturnType<typeof createFilmListing>

export function createFilmListing({ films }: { films: FilmRepository }) {
  const totals = createRecent<number>({ ttlMs, max: 1000 })
  const matches = createRecent<Match>({ ttlMs, max: 200 })
  // Counting is the dear part: it must not take all the connections.
  const heavy = pLimit(2)
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    if (heavy.pendingCount >= maxWaiting) throw new AppError('overloaded', { detail: 'Too many counts are waiting' })
    return heavy(work)
  }

  async function readFilter(query: FilmQuery): Promise<Filter> {
    const { genre, min_rate, director_id, year_from, year_to, q } = query
    return {
      ...(genre && { genreIds: await films.findGenreIds(genre) }),
      ...(min_rate !== undefined && { minRate: min_rate }),
      ...(director_id !== undefined && { directorId: director_id }),
      ...(year_from !== undefined && { yearFrom: year_from }),
      ...(year_to !== undefined && { yearTo: year_to }),
      ...(q !== undefined && { match: await matches.get(q, () => inTurn(() => findMatch(films, q))) }),
    }
  }

  const countFilms = (filter: Filter, named: string) => totals.get(named, () => inTurn(() => films.count(filter)))

  return {
    /** How many films the catalogue has. */
    total: () => countFilms({}, '{}'),

    /** @throws {AppError} invalid_input for a cursor that is not of this listing, or comes with a page */
    async list(query: FilmQuery) {
      const { limit = 20, sort = 'id', cursor, page = 1 } = query
      if (cursor !== undefined && query.page !== undefined) {
        throw inputFault('query.cursor', 'excludes page: send one of them')
      }
      const filter = await readFilter(query)
      const named = JSON.stringify({ ...filter, match: query.q })
      const position = cursor === undefined ? undefined : readCursor(cursor, `${sort} ${named}`, sort)
      const offset = (page - 1) * limit
      const count = () => countFilms(filter, named)
      const answer = (items: Row[], total: number, nextCursor: string | null = null) => ({
        items,
        total,
        limit,
        page: position ? null : page,
        pages: Math.ceil(total / limit),
        next_cursor: nextCursor,
      })

      if (matchesNothing(filter)) return answer([], 0)
      // What lies past the end is not looked for.
      if (offset > 0 && offset >= (await count())) return answer([], await count())
      const rows = await films.list({ filter, sort, limit, offset, position })
      const items = rows.slice(0, limit)
      const last = items.at(-1)
      if (rows.length > limit && last) {
        return answer(items, await count(), writeCursor(`${sort} ${named}`, place(last, sort)))
      }
      // The last page tells the total by itself.
      return answer(items, position || (!last && offset > 0) ? await count() : offset + items.length)
    },

    /** To be called after every write, so that this process knows it at once. */
    forget(): void {
      totals.forget()
      matches.forget()
    },
  }
}

type Row = Awaited<ReturnType<FilmRepository['list']>>[number]

function matchesNothing({ genreIds, match }: Filter): boolean {
  return genreIds?.length === 0 || (match !== undefined && 'ids' in match && match.ids.length === 0)
}

function place({ id, sort_key }: Row, sort: Sort) {
  return { id, key: sort === 'id' ? id : sort_key }
}
