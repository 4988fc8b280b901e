import { minOwnId } from '../../../catalogue/film-ids.ts'
import type { DedicatedConnection } from '../../../db/copy/connection.ts'
import type { Column } from './format.ts'

/** The film was changed between the plan and now. */
class ChangedMeanwhile extends Error {}

export type Written = { created: number; updated: number } | { fault: string }

// Deadlock, serialisation failure, lock timeout.
const passing = /^(40001|40P01|55P03)$/
const maxTries = 3

/** Does what import_steps says. */
export function createImportSteps(connection: DedicatedConnection, present: ReadonlySet<Column>) {
  const statements = writeStatements(present)

  async function transaction<T>(work: () => Promise<T>): Promise<T> {
    // Behind a pooler in transaction mode all of the import is one transaction, and this a part of it.
    const isPart = !connection.ownsSession
    await (isPart ? connection.query('savepoint step') : connection.begin())
    try {
      const result = await work()
      await (isPart ? connection.query('release savepoint step') : connection.commit())
      return result
    } catch (error) {
      await connection.query(isPart ? 'rollback to savepoint step' : 'rollback').catch(() => {})
      throw error
    }
  }

  function writeOnce(rows: number[]): Promise<{ created: number; updated: number }> {
    return transaction(async () => {
      await connection.query(statements.freeNames, [rows])
      await connection.query(statements.takeIds, [rows])
      const created = await connection.query(statements.create, [rows])
      const updated = await connection.query(statements.update, [rows])
      if (created.length + updated.length < rows.length) throw new ChangedMeanwhile()
      await connection.query(statements.dropGenres, [rows])
      await connection.query(statements.addGenres, [rows])
      return { created: created.length, updated: updated.length }
    })
  }

  async function write(rows: number[], tries = 1): Promise<Written> {
    try {
      return await writeOnce(rows)
    } catch (error) {
      const { code = '', constraint } = error as { code?: string; constraint?: string }
      if (passing.test(code) && tries < maxTries) return write(rows, tries + 1)
      if (constraint === 'films_listed_name_key') return { fault: 'name: another film has just got it' }
      if (!(error instanceof ChangedMeanwhile) && !/^2[23]/.test(code)) throw error
      return { fault: 'the film, its director or a genre was changed at the same time; import the row again' }
    }
  }

  return {
    /** Makes the directors and genres that are not there yet, and lets new ids begin behind those of the file. */
    prepare: () =>
      transaction(async () => {
        for (const statement of prepareStatements) await connection.query(statement)
      }),

    async batches(): Promise<number[]> {
      const rows = await connection.query<{ batch: number }>('select distinct batch from import_steps order by batch')
      return rows.map((row) => row.batch)
    },

    async rowsOf(batch: number): Promise<number[]> {
      const rows = await connection.query<{ row: number }>(
        'select row from import_steps where batch = $1 order by row',
        [batch],
      )
      return rows.map((row) => row.row)
    },

    /** Writes these rows in one transaction; none of them if there is a fault. */
    write: (rows: number[]) => write(rows),
  }
}

const sequence = (table: string) => `pg_get_serial_sequence('${table}', 'id')::regclass`

// A sequence is moved before a row has its value, so that no value is given twice.
const moveSequence = (table: string, newest: string) => `
  select setval(${sequence(table)}, newest) from (${newest}) as ids (newest)
  where newest > coalesce(pg_sequence_last_value(${sequence(table)}), 0)`

const prepareStatements = [
  'create index on import_rows (director_id, director)',
  `create temp table import_made as
    with used as (
      select * from import_directors d where exists (
        select from import_rows r join import_steps s on s.row = r.row
        where r.director_id = d.did and r.director = d.name)
    )
    select * from import_directors where made and id in (select id from used)
    union all
    select * from used where id is null`,
  moveSequence('films', `select max(film_id) from import_steps where film_id >= ${minOwnId}`),
  moveSequence('directors', 'select max(id) from import_made where made'),
  `insert into directors (id, name) overriding system value
    select id, name from import_made where made order by id on conflict (id) do nothing`,
  `with made as (
      insert into directors (name)
      select name from (select distinct on (key) key, name, row from import_made where id is null order by key, row) new
      order by row
      returning id, name
    )
    update import_directors i set id = made.id from made where i.id is null and i.key = lower(made.name)`,
  // In one order everywhere, so that two transactions can't wait for each other.
  `insert into genres (name)
    select distinct on (lower(name)) name
    from (
      select named.name, min(r.row * 256::bigint + named.position) as place
      from import_steps s join import_rows r on r.row = s.row, unnest(r.genres) with ordinality as named (name, position)
      group by named.name
    ) wanted
    where not exists (select from genres known where lower(known.name) = lower(wanted.name))
    order by lower(name), place
    on conflict do nothing`,
]

/** $1 is the rows. */
function writeStatements(present: ReadonlySet<Column>) {
  const always = ['name', 'rate', 'year', 'minutes']
  const optional = ['original_name', 'description', 'trailer', 'poster_url'] as const
  const texts = optional.filter((column) => present.has(column))
  const times = (['created_at', 'updated_at'] as const).filter((column) => present.has(column))
  const columns = [...always, ...texts]
  const steps = (action: string) => `
    import_steps s
    join import_rows r on r.row = s.row
    join import_directors d on d.did = r.director_id and d.name = r.director
    where s.row = any($1::int[]) and s.action = '${action}'`
  const mine = 'film_id in (select film_id from import_steps where row = any($1::int[]))'
  return {
    // Names that move from film to film: temporary names within the transaction, never visible outside.
    freeNames: `update films set name = chr(57344) || id where id in (
      select film_id from import_steps where row = any($1::int[]) and moves and action = 'update')`,
    takeIds: `update import_steps set film_id = nextval(${sequence('films')})
      where row = any($1::int[]) and film_id is null`,
    create: `insert into films (id, listed, director_id, created_at, updated_at, ${columns.join(', ')})
      select s.film_id, true, d.id, coalesce(r.created_at, now()), coalesce(r.updated_at, r.created_at, now()),
        ${columns.map((column) => `r.${column}`).join(', ')}
      from ${steps('create')}
      order by s.film_id
      on conflict (id) do update set listed = true, director_id = excluded.director_id,
        updated_at = excluded.updated_at,
        ${[...columns, ...times.filter((column) => column === 'created_at')]
          .map((column) => `${column} = excluded.${column}`)
          .join(', ')}
      where not films.listed
      returning id`,
    update: `update films f set director_id = d.id, sandbox = false, updated_at = now(),
        ${columns.map((column) => `${column} = r.${column}`).join(', ')}
      from ${steps('update')} and f.id = s.film_id and f.listed
      returning f.id`,
    dropGenres: `delete from film_genres where ${mine}`,
    addGenres: `insert into film_genres (film_id, genre_id, position)
      select s.film_id, g.id, min(named.position) - 1
      from import_steps s
      join import_rows r on r.row = s.row,
      unnest(r.genres) with ordinality as named (name, position)
      join genres g on lower(g.name) = lower(named.name)
      where s.row = any($1::int[])
      group by s.film_id, g.id`,
  }
}
