import type { Readable } from 'node:stream'
import { kinopoiskIdSql } from '../../../catalogue/film-ids.ts'
import type { Reads } from '../../../db/standby/reads.ts'
import { type Column, columns, type Delimiter, guarded, joinable } from './format.ts'

const time = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

// Where cells are parted by `;`, the decimal sign is a comma: a spreadsheet of such a country takes 8.5 for a day in May.
const decimal = (number: string, delimiter: Delimiter) =>
  delimiter === ';' ? `replace((${number})::text, '.', ',')` : number

const cellsBy = (delimiter: Delimiter): Record<Column, string> => ({
  id: 'films.id',
  name: guarded('films.name'),
  original_name: guarded('films.original_name'),
  genre: guarded('named.first'),
  genres: guarded('named.joined'),
  director_id: 'films.director_id',
  director: guarded('directors.name'),
  rate: decimal('trim_scale(films.rate)', delimiter),
  year: 'films.year',
  minutes: 'films.minutes',
  description: guarded('films.description'),
  trailer: guarded('films.trailer'),
  poster_url: guarded('films.poster_url'),
  kinopoisk_id: kinopoiskIdSql,
  user_rate: decimal('trim_scale(round(film_votes.rate_sum::numeric / nullif(film_votes.votes, 0), 2))', delimiter),
  user_votes: 'coalesce(film_votes.votes, 0)',
  created_at: time('films.created_at'),
  updated_at: time('films.updated_at'),
})

function queryWith(delimiter: Delimiter): string {
  const cells = cellsBy(delimiter)
  return `
  select ${columns.map((column) => `${cells[column]} as ${column}`).join(', ')}
  from films
  left join (
    select film_id, (array_agg(genres.name order by position))[1] as first,
      string_agg(${joinable('genres.name')}, '|' order by position) as joined
    from film_genres join genres on genres.id = genre_id
    group by film_id
  ) named on named.film_id = films.id
  left join film_votes on film_votes.film_id = films.id
  left join directors on directors.id = films.director_id
  where films.listed
  order by films.id`
}

export const exportQuery = queryWith(',')

// Films, and their genres, are then read in the order of their keys and merged: nothing of the catalogue's size is sorted or
// hashed, and the first row comes at once.
export const exportSettings = 'set enable_sort = off; set enable_hashjoin = off; set jit = off'

// Which row versions the file is made of: an update gives its row another xmin. As numbers that do not depend on the
// moment; 3 is the first xid. A change of a listed film's genres updates the film too, so film_genres need not be read.
const rowVersions = (table: string) => `(
  select concat(count(*), ' ', sum(hashint8extended((age('3'::xid)::bigint - age(xmin)) & 4294967295, 0))) from ${table})`

// Another cluster, or the same one taken back to an earlier time, gives out the same xids again. A standby cannot tell its
// timeline: it has the marks of all that it has come through.
const versionQuery = `
  select concat_ws('/', (select system_identifier from pg_control_system()),
    case when pg_is_in_recovery() then (select string_agg(mark::text, ',' order by mark) from timelines)
      else left(pg_walfile_name(pg_current_wal_lsn()), 8) end, current_database(),
    ${['films where listed', 'film_votes', 'directors', 'genres'].map(rowVersions).join(', ')}) as version`

export interface Export {
  /** Another one whenever the rows are others, and when something was written that does not show in them. */
  version: string
  /** All listed films as CSV, of the same snapshot as `version`; `onBlock` is called for each block. */
  rows(onBlock: () => void): Readable
  /** Ends it, done or not. */
  close(): void
}

/** `connect` may connect to a standby. */
export function createExportRepository(connect: Reads['connect']) {
  return {
    async open(delimiter: Delimiter = ','): Promise<Export> {
      // As long as the reader takes: export-service.ts bounds that.
      const connection = await connect({ statementTimeoutMs: 0 })
      try {
        await connection.begin('isolation level repeatable read read only')
        const [row] = await connection.query<{ version: string }>(versionQuery)
        await connection.query(exportSettings)
        const query = queryWith(delimiter)
        const form = `format csv, header true, delimiter '${delimiter}', encoding 'UTF8'`
        return {
          version: `${row?.version}/${form}/${query}`,
          rows: (onBlock) => connection.copyOut(`copy (${query}) to stdout (${form})`, onBlock),
          close: connection.close,
        }
      } catch (error) {
        connection.close()
        throw error
      }
    },
  }
}

export type ExportRepository = ReturnType<typeof createExportRepository>
