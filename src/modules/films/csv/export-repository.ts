import type { Readable } from 'node:stream'
import { openSession } from '../../../db/session.ts'
import { type Column, columns, guarded, joinable } from './format.ts'

const time = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

const cells: Record<Column, string> = {
  id: 'films.id',
  name: guarded('films.name'),
  original_name: guarded('films.original_name'),
  genre: guarded('named.first'),
  genres: guarded('named.joined'),
  director_id: 'films.director_id',
  director: guarded('directors.name'),
  rate: 'trim_scale(films.rate)',
  year: 'films.year',
  minutes: 'films.minutes',
  description: guarded('films.description'),
  trailer: guarded('films.trailer'),
  poster_url: guarded('films.poster_url'),
  kinopoisk_id: 'case when films.id < 1000000000 then films.id end',
  user_rate: 'trim_scale(round(films.user_rate_sum::numeric / nullif(films.user_votes, 0), 2))',
  user_votes: 'films.user_votes',
  created_at: time('films.created_at'),
  updated_at: time('films.updated_at'),
}

export const exportQuery = `
  select ${columns.map((column) => `${cells[column]} as ${column}`).join(', ')}
  from films
  left join (
    select film_id, (array_agg(genres.name order by position))[1] as first,
      string_agg(${joinable('genres.name')}, '|' order by position) as joined
    from film_genres join genres on genres.id = genre_id
    group by film_id
  ) named on named.film_id = films.id
  left join directors on directors.id = films.director_id
  where films.listed
  order by films.id`

// Films, and their genres, are then read in the order of their keys and merged: nothing of the catalogue's size is sorted or
// hashed, and the first row comes at once.
export const exportSettings = 'set enable_sort = off; set enable_hashjoin = off; set jit = off'

export interface Export {
  /** All listed films as CSV, as PostgreSQL writes it: lines end with LF. */
  rows: Readable
  /** Ends it, done or not. */
  close(): void
}

export function createExportRepository(url: string) {
  return {
    async open(): Promise<Export> {
      // For as long as the reader takes: export-service.ts bounds that.
      const session = await openSession(url, { statementTimeoutMs: 0 })
      try {
        await session.query(exportSettings)
      } catch (error) {
        session.close()
        throw error
      }
      const rows = session.copyOut(`copy (${exportQuery}) to stdout (format csv, header true, encoding 'UTF8')`)
      return { rows, close: session.close }
    },
  }
}

export type ExportRepository = ReturnType<typeof createExportRepository>
