import { type Placeholder, sql } from 'drizzle-orm'
import { type Filter, order, type Position, type Sort, sortKey, where } from '../../catalogue/film-filter.ts'
import type { Db } from '../../db/connect.ts'
import { films } from '../../db/schema/films.ts'

type OpenFilter = Filter<number | Placeholder>

export interface Listing {
  filter: Filter
  sort: Sort
  limit: number
  offset: number
  /** Excludes an offset. */
  position?: Position | undefined
  /** The only genre of the filter is so common that a scan in any order soon meets its films. */
  isCommonGenre?: boolean
}

/** A film of a listing: behind it the next page begins. */
export interface Place {
  id: number
  sort_key: string | number
}

/**
 * Pages of listings. Prepared are those for which one plan is right whatever the values are: what is filtered by is what
 * is sorted by, or a genre that is common. That is a fixed set of some 200 statements; the others are planned each time.
 */
export function createFilmPages(db: Db) {
  const page = ({ filter, sort, limit, offset, position }: Omit<Listing, 'filter'> & { filter: OpenFilter }) =>
    db
      .select({ id: films.id, sort_key: sql<string | number>`${sortKey(sort)}` })
      .from(films)
      .where(where(filter, sort, position))
      // Literal: with a parameter PostgreSQL guesses the number of rows, and plans again every time.
      .orderBy(sql`${order(sort)} ${sql.raw(`limit ${limit + 1}${offset > 0 ? ` offset ${offset}` : ''}`)}`)
  const prepared = new Map<string, ReturnType<ReturnType<typeof page>['prepare']>>()

  function statement(listing: Listing, filtered: string[]) {
    const { sort, limit, position } = listing
    const name = ['films_by', sort, limit, ...(position ? ['behind'] : []), ...filtered].join('_')
    const known = prepared.get(name)
    if (known) return known
    const holes: OpenFilter = Object.fromEntries(
      filtered.map((member) => [member, member === 'genreIds' ? [sql.placeholder(member)] : sql.placeholder(member)]),
    )
    const behind = position && { key: sql.placeholder('key'), id: sql.placeholder('id') }
    const made = page({ ...listing, filter: holes, position: behind }).prepare(name)
    prepared.set(name, made)
    return made
  }

  /** In order, one film more than `limit` if there is one. */
  return async (listing: Listing): Promise<Place[]> => {
    const { filter, sort, position } = listing
    const filtered = preparable(listing)
    const rows = await (filtered
      ? statement(listing, filtered).execute({ ...filter, genreIds: filter.genreIds?.[0], ...position })
      : page(listing))
    // A numeric comes as text.
    return rows.map(({ id, sort_key }) => ({ id, sort_key: sort.endsWith('name') ? sort_key : Number(sort_key) }))
  }
}

/** What is filtered by, in a fixed order, where the statement is to be prepared. */
function preparable({ filter, sort, offset, isCommonGenre }: Listing): string[] | undefined {
  const sorted = sort.endsWith('rate') ? ['minRate'] : sort.endsWith('year') ? ['yearFrom', 'yearTo'] : []
  const names = Object.keys(filter).toSorted()
  const isOneCommonGenre = isCommonGenre && filter.genreIds?.length === 1
  const fits = names.every((name) => sorted.includes(name) || (name === 'genreIds' && isOneCommonGenre))
  return fits && offset === 0 ? names : undefined
}
