import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import { connect, type Database } from '../../src/db/connect.ts'
import { databaseUrl, templates } from './database.ts'
import { openSessions, type Sessions } from './sessions.ts'

/** What a new clone of a template is like. */
interface Fresh {
  /** Of the cluster: what has been made or changed in the catalogue since then has another one. */
  xid: string
  objects: string
  /** Empties all tables, and fills them as they were. */
  restore: string
}

/** With more rows to be deleted, a new clone is cheaper, and has no pages full of what is gone. */
const maxRows = 2_000
/** Some are looked into when their service has ended: so many are left as they are. */
const resting = 4

let server: Database | undefined
let sessions: Promise<Sessions> | undefined
const fresh = new Map<string, Fresh>()
const free = new Map<string, string[]>()
const ended: { name: string; template: string }[] = []

/** A fresh migrated database; gone with the run's server. */
export async function cloneDatabase(template = templates.empty): Promise<string> {
  return databaseUrl(inject('postgresUrl'), await makeDatabase(template))
}

/**
 * As fresh as `cloneDatabase`, until `returnDatabase`. In the project `app` it is one that was returned and emptied, with
 * backends that know its tables: a new one with new backends takes ten times as much of the processor.
 */
export async function borrowDatabase(template: string): Promise<string> {
  if (process.env.KEEP_DATABASES !== '1') return cloneDatabase(template)
  sessions ??= openSessions(inject('postgresUrl'))
  const { urlOf } = await sessions
  const name = free.get(template)?.pop() ?? (await makeDatabase(template))
  if (!fresh.has(template)) fresh.set(template, await lookAt(databaseUrl(inject('postgresUrl'), name)))
  return urlOf(name)
}

/** Once all connections to it have been closed. */
export async function returnDatabase(url: string, template: string): Promise<void> {
  ended.push({ name: new URL(url).pathname.slice(1), template })
  const oldest = ended.length > resting ? ended.shift() : undefined
  if (!oldest) return
  if (await empty(oldest.name, oldest.template)) {
    free.set(oldest.template, [...(free.get(oldest.template) ?? []), oldest.name])
    return
  }
  ;(await sessions)?.leave(oldest.name)
  const { sql } = maintenance()
  await sql`drop database ${sql(oldest.name)} with (force)`
}

async function makeDatabase(template: string): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`
  const { sql } = maintenance()
  await sql`create database ${sql(name)} template ${sql(template)} strategy file_copy`
  return name
}

/** One connection for a worker's whole life: a new one takes as long as half a database. */
function maintenance(): Database {
  server ??= connect(inject('postgresUrl'), { max: 1 })
  return server
}

/** False where that is not enough: then the database is to be dropped. */
async function empty(name: string, template: string): Promise<boolean> {
  const { isAtRest, urlOf } = (await sessions) ?? {}
  const like = fresh.get(template)
  if (!isAtRest || !urlOf || !like || !(await isAtRest(name))) return false
  return withClient(urlOf(name), async (client) => {
    const { rows } = await client.query(stateQuery(like.xid))
    if (rows[0].changed || rows[0].objects !== like.objects) return false
    const results = (await client.query(like.restore)) as unknown as pg.QueryResult[]
    const deleted = results.filter(({ command }) => command === 'DELETE')
    return deleted.reduce((sum, { rowCount }) => sum + (rowCount ?? 0), 0) <= maxRows
  }).catch(() => false)
}

// Below are PostgreSQL's own (FirstNormalObjectId), five thousand rows that no test changes.
const firstOwn = 16_384
const catalogs = [
  ...['class', 'proc', 'trigger', 'constraint', 'type'].map((name) => `pg_${name} where oid >= ${firstOwn}`),
  `pg_statistic where starelid >= ${firstOwn}`,
]
/** Whether a table, a function or a statistic of ours was made or changed, how many there are, and what else is as it was. */
function stateQuery(xid: string): string {
  const changes = catalogs.map((rows) => `exists (select from ${rows} and xmin::text::bigint >= ${xid})`)
  const counts = catalogs.map((rows) => `(select count(*) from ${rows})`)
  const schemas = `(select string_agg(nspname, ',' order by nspname) from pg_namespace where nspname not like 'pg_%')`
  const settings = `(select string_agg(setconfig::text, ' ') from pg_db_role_setting join pg_database on setdatabase = pg_database.oid
    where datname = current_database())`
  const objects = [...counts, schemas, settings].join(', ')
  return `select ${changes.join(' or ')} as changed, concat_ws(' ', ${objects}) as objects`
}

async function lookAt(url: string): Promise<Fresh> {
  return withClient(url, async (client) => {
    const rowsOf = async (text: string) => (await client.query(text)).rows
    const [{ xid }] = await rowsOf(`select pg_current_xact_id()::text as xid`)
    const [{ objects }] = await rowsOf(stateQuery(xid))
    const tables = await rowsOf(`
      select c.oid::regclass::text as name, (
        select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
        where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = ''
      ) as columns
      from pg_class c where relkind = 'r' and relnamespace in ('public'::regnamespace, 'drizzle'::regnamespace)`)
    const sequences = await rowsOf(`
      select c.oid::regclass::text as name from pg_class c
      where relkind = 'S' and relnamespace in ('public'::regnamespace, 'drizzle'::regnamespace)`)
    const restore = tables.map(({ name }) => `delete from ${name}`)
    for (const { name, columns } of tables) {
      const [{ rows }] = await rowsOf(`select coalesce(jsonb_agg(to_jsonb(it)), '[]')::text as rows from ${name} it`)
      if (rows === '[]') continue
      const source = `jsonb_populate_recordset(null::${name}, ${pg.escapeLiteral(rows)})`
      restore.push(`insert into ${name} (${columns}) overriding system value select ${columns} from ${source}`)
    }
    for (const { name } of sequences) {
      const [{ last_value, is_called }] = await rowsOf(`select last_value, is_called from ${name}`)
      restore.push(`select setval('${name}', ${last_value}, ${is_called})`)
    }
    // As a replica: neither triggers nor foreign keys.
    const settings = ['begin', `set local lock_timeout = '2s'`, 'set local session_replication_role = replica']
    return { xid, objects, restore: [...settings, ...restore, 'commit'].join('; ') }
  })
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
