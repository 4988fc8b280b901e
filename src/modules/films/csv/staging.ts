import type { Writable } from 'node:stream'
import type { DedicatedConnection } from '../../../db/copy/connection.ts'
import type { FilmRow } from './rows.ts'

const columns = [
  'id',
  'name',
  'original_name',
  'genres',
  'joined_genres',
  'joined_director',
  'director_id',
  'director',
  'rate',
  'year',
  'minutes',
  'description',
  'trailer',
  'poster_url',
  'created_at',
  'updated_at',
] as const satisfies (keyof FilmRow)[]

/** Where the rows of the file go before anything is decided: a temporary table, gone with the session. */
export async function openStaging(connection: DedicatedConnection): Promise<Writable> {
  await connection.query(`
    create temp table import_rows (
      row int not null,
      id int,
      name text not null,
      original_name text,
      genres text[] not null,
      joined_genres boolean not null,
      joined_director boolean not null,
      director_id int not null,
      director text not null,
      rate numeric(4, 2),
      year smallint not null,
      minutes smallint,
      description text,
      trailer text,
      poster_url text,
      created_at timestamptz,
      updated_at timestamptz,
      key text generated always as (lower(name)) stored
    )`)
  return connection.copyIn(`copy import_rows (row, ${columns.join(', ')}) from stdin (encoding 'UTF8')`)
}

export async function closeStaging(connection: DedicatedConnection): Promise<void> {
  await connection.query('create unique index on import_rows (row); analyze import_rows')
}

/** A line of COPY's text format. */
export function stagingLine(row: number, film: FilmRow): string {
  let line = String(row)
  for (const column of columns) {
    const value = film[column]
    const text = typeof value === 'object' && value !== null ? arrayText(value) : value
    line += text === null ? '\t\\N' : `\t${typeof text === 'boolean' ? text : escapeText(text)}`
  }
  return `${line}\n`
}

const escapes: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }

function escapeText(text: string): string {
  return /[\\\t\n\r]/.test(text) ? text.replace(/[\\\t\n\r]/g, (char) => escapes[char] as string) : text
}

function arrayText(items: string[]): string {
  return `{${items.map((item) => `"${item.replace(/["\\]/g, '\\$&')}"`).join(',')}}`
}
