import { sql as part } from 'drizzle-orm'
import { PgDialect } from 'drizzle-orm/pg-core'
import type { SelectResultFields } from 'drizzle-orm/query-builders/select.types'
import { movieColumns, withGenre } from '../../../catalogue/movie-columns.ts'
import type { Database } from '../../../db/connect.ts'

/** Of the catalogue: by id, or newest year first, then id descending. */
export type Order = 'id' | 'new'

export interface Position {
  id: number
  year: number | null
}

const batchSize = 200
const orders = {
  id: { by: 'films.id', behind: 'films.id > $1', place: ({ id }: Position) => [id] },
  new: {
    by: 'films.year desc, films.id desc',
    behind: '(films.year, films.id) < ($1, $2)',
    place: ({ year, id }: Position) => [year, id],
  },
}
/** Before every possible film. */
const starts = { id: { id: 0, year: 0 }, new: { id: 2_147_483_647, year: 32_767 } }

type Row = SelectResultFields<typeof movieColumns>
type Movie = ReturnType<typeof withGenre<Row>>

/**
 * Reads row by row, past Drizzle, and releases what was rendered: finished queries reference each other until the next
 * full collection, so whatever hangs on one of them, as rows do, grows to many times what is in use.
 */
export function createMovieStream(sql: Database['sql']) {
  const texts = { id: batchText('id'), new: batchText('new') }
  return {
    /**
     * Some hundreds of movies behind a position, or from the first on, rendered by `render`, with the position of the
     * last one. Each batch is a range of one index.
     */
    async readBehind<T>(order: Order, render: (movie: Movie) => T, position: Position = starts[order]) {
      const empty = (): { items: T[]; last?: Position; isLast: boolean } => ({ items: [], isLast: true })
      let batch = empty()
      const rows = sql.unsafe<Row[]>(texts[order], orders[order].place(position), { prepare: true })
      await rows.forEach((row) => {
        batch.items.push(render(withGenre(row)))
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

function batchText(order: Order): string {
  const columns = Object.entries(movieColumns).map(([name, column]) => part`${column} as ${part.identifier(name)}`)
  const { by, behind } = orders[order]
  const batch = part`select ${part.join(columns, part`, `)} from films where films.listed and ${part.raw(behind)}
    order by ${part.raw(by)} limit ${part.raw(`${batchSize}`)}`
  return new PgDialect().sqlToQuery(batch).sql
}
