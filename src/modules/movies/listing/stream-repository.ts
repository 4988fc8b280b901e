import { fillPlaceholders, sql as part, type Query } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'
import type { SelectResultFields } from 'drizzle-orm/query-builders/select.types'
import { type Filter as FilmFilter, where } from '../../../catalogue/film-filter.ts'
import { movieColumns, type PosterOf, toMovie } from '../../../catalogue/movie-columns.ts'
import type { Database } from '../../../db/connect.ts'

/** At most one genre. */
export type Filter = Pick<FilmFilter, 'genreIds' | 'directorId' | 'year'>

/** Of the catalogue: by id, or newest year first, then id descending. */
export type Order = 'id' | 'new'

export interface Position {
  id: number
  year: number | null
}

const batchSize = 200
const hole = part.placeholder
const orders = {
  id: { by: 'films.id', behind: part`films.id > ${hole('lastId')}` },
  new: {
    by: 'films.year desc, films.id desc',
    behind: part`(films.year, films.id) < (${hole('lastYear')}, ${hole('lastId')})`,
  },
}
/** Before every possible film. */
const starts = { id: { id: 0, year: 0 }, new: { id: 2_147_483_647, year: 32_767 } }

type Row = SelectResultFields<typeof movieColumns>
type Movie = ReturnType<typeof toMovie<Row>>

/**
 * Reads row by row, past Drizzle, and releases what was rendered: finished queries reference each other until the next
 * full collection, so whatever hangs on one of them, as rows do, grows to many times what is in use.
 */
export function createMovieStream(sql: Database['sql'], posterOf: PosterOf) {
  const queries = new Map<string, Query>()

  /** Made once of each kind: a whole catalogue takes thousands of batches. */
  function queryOf(order: Order, filter: Filter): Query {
    const key = [order, ...Object.keys(filter)].join()
    const query = queries.get(key) ?? batchQuery(order, filter)
    queries.set(key, query)
    return query
  }

  return {
    /**
     * Some hundreds of movies behind a position, or from the first on, rendered by `render`, with the position of the
     * last one. Each batch is a range of one index, unless films are filtered.
     */
    async readBehind<T>(
      order: Order,
      render: (movie: Movie) => T,
      position: Position = starts[order],
      filter: Filter = {},
    ) {
      const empty = (): { items: T[]; last?: Position; isLast: boolean } => ({ items: [], isLast: true })
      let batch = empty()
      const query = queryOf(order, filter)
      const { genreIds: [genreId] = [], directorId, year } = filter
      const values = { lastId: position.id, lastYear: position.year, genreId, directorId, year }
      // A filter is planned with its values: a director has few films, a genre may have half of all.
      const prepare = Object.keys(filter).length === 0
      const rows = sql.unsafe<Row[]>(query.sql, fillPlaceholders(query.params, values) as never[], { prepare })
      await rows.forEach((row) => {
        batch.items.push(render(toMovie(row, posterOf)))
        batch.last = { id: row.id, year: row.year }
        batch.isLast = batch.items.length < batchSize
      })
      const read = batch
      batch = empty()
      return read
    },
  }
}

export type MovieStream = ReturnType<typeof createMovieStream>

function batchQuery(order: Order, { genreIds, directorId, year }: Filter): Query {
  const columns = Object.entries(movieColumns).map(([name, column]) => part`${column} as ${part.identifier(name)}`)
  const { by, behind } = orders[order]
  const filtered = where({
    ...(genreIds && { genreIds: [hole('genreId')] }),
    ...(directorId !== undefined && { directorId: hole('directorId') }),
    ...(year !== undefined && { year: hole('year') }),
  })
  const batch = part`select ${part.join(columns, part`, `)} from films where ${filtered} and ${behind}
    order by ${part.raw(by)} limit ${part.raw(`${batchSize}`)}`
  return new PgDialect().sqlToQuery(batch)
}
