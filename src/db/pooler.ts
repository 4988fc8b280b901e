import { randomInt, randomUUID } from 'node:crypto'
import { type DedicatedConnection, openConnection } from './copy/connection.ts'
import { type Pooler, partsOf, withPooler } from './pool/address.ts'
import { DatabaseRefusal } from './refusal.ts'

/** Whether statements are prepared by name; `auto`: wherever a connection stays with one process of the server. */
export type Prepare = 'auto' | 'true' | 'false'

interface Settings {
  url: string
  /** Past the pooler, if `url` has one before it. */
  directUrl?: string | undefined
  prepare: Prepare
}

export interface DatabaseUrls {
  databaseUrl: string
  /** For what needs a session of its own. */
  sessionUrl: string
  warnings: string[]
}

const statementTimeoutMs = 5_000
const open = (url: string) =>
  openConnection(url, { statementTimeoutMs, queryTimeoutMs: statementTimeoutMs, use: 'start' })

/**
 * Finds out what stands before the database, by what it does, and says so in the URLs: behind a pooler no session is
 * ours, and in transaction mode not even for two statements.
 * @throws {DatabaseRefusal} when the service would lose writes there
 */
export async function findPooler({ url, directUrl, prepare }: Settings): Promise<DatabaseUrls> {
  const found = await examine(url, prepare)
  const databaseUrl = withPooler(url, found)
  const { warnings } = found
  if (!directUrl) return { databaseUrl, sessionUrl: databaseUrl, warnings }
  const direct = await examine(directUrl, 'false')
  if (direct.pooler === 'transaction') {
    throw new DatabaseRefusal(
      'DATABASE_DIRECT_URL leads through a pooler in transaction mode too. It must lead to PostgreSQL itself: its own ' +
        'port, usually 5432. Without DATABASE_DIRECT_URL everything goes through the pooler',
    )
  }
  const sessionUrl = withPooler(directUrl, { pooler: direct.pooler, prepares: false })
  if (!(await isSame(databaseUrl, sessionUrl))) {
    throw new DatabaseRefusal(
      'DATABASE_DIRECT_URL leads to another database than DATABASE_URL: what is written by one is not seen by the other',
    )
  }
  return { databaseUrl, sessionUrl, warnings }
}

/** Of a URL that findPooler has returned: what is before the database. */
export function poolerOf(url: string): Pooler | undefined {
  return partsOf(url).pooler
}

async function examine(url: string, prepare: Prepare) {
  // As a pooler is spoken to, which is right without one too.
  const asPooled = withPooler(url, { pooler: 'session', prepares: false })
  const opened = await Promise.allSettled([open(asPooled), open(asPooled)])
  const connections = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  try {
    for (const each of opened) if (each.status === 'rejected') throw each.reason
    const [a, b] = connections as [DedicatedConnection, DedicatedConnection]
    const pooler = partsOf(url).pooler ?? (await findMode(url, a, b))
    if (!pooler) return { pooler, prepares: prepare !== 'false', warnings: [] }
    if (pooler === 'transaction' && prepare === 'true' && !(await renames(a))) throw await unprepared(url)
    const prepares = prepare === 'true' || (prepare === 'auto' && pooler === 'session')
    return { pooler, prepares, warnings: await missingLimits(a) }
  } finally {
    for (const each of connections) each.close()
  }
}

const pidOf = async (connection: DedicatedConnection): Promise<number> =>
  (await connection.query<{ pid: number }>('select pg_backend_pid() as pid'))[0]?.pid ?? 0

/** A pooler has its own keys for the cancellation of statements, and so its own numbers of processes. */
async function findMode(url: string, a: DedicatedConnection, b: DedicatedConnection): Promise<Pooler | undefined> {
  if (await sharesProcesses(url, a, b)) return 'transaction'
  return (await pidOf(a)) === a.processId ? undefined : 'session'
}

/**
 * Whether a connection's statements are done by several processes, or one process does statements of both. A pooler takes
 * the process that came back last, or the one that has waited longest: so a transaction of the other takes it away first.
 */
async function sharesProcesses(url: string, a: DedicatedConnection, b: DedicatedConnection): Promise<boolean> {
  const ofA = new Set<number>()
  for (let round = 0; round < 3; round++) {
    ofA.add(await pidOf(a)).add(await pidOf(a))
    if (ofA.size > 1) return true
    await b.begin().catch(async (error) => {
      throw /statement pooling/i.test(error.message) ? await noTransactions(url) : error
    })
    const ofB = await pidOf(b)
    if (!ofA.has(ofB)) ofA.add(await pidOf(a))
    await b.query('rollback')
    if (ofA.size > 1 || ofA.has(ofB)) return true
  }
  return false
}

/** Whether the pooler keeps the names of prepared statements apart, by names of its own (PgBouncer from 1.21 on). */
async function renames(connection: DedicatedConnection): Promise<boolean> {
  const name = `kinoteka_${randomUUID()}`
  await connection.begin()
  await connection.query('select $1::int', [1], name)
  const kept = await connection.query('select from pg_prepared_statements where name = $1', [name])
  if (kept.length > 0) await connection.query(`deallocate "${name}"`)
  await connection.query('rollback')
  return kept.length === 0
}

/** By a lock in the one that is seen in the other. */
async function isSame(url: string, otherUrl: string): Promise<boolean> {
  const [one, other] = [await open(url), await open(otherUrl)]
  const key = randomInt(2 ** 31)
  try {
    await one.begin()
    await one.query('select pg_advisory_xact_lock(7300161, $1)', [key])
    const seen = await other.query(
      `select from pg_locks where locktype = 'advisory' and classid = 7300161 and objid = $1 and objsubid = 2
        and database = (select oid from pg_database where datname = current_database())`,
      [key],
    )
    await one.query('rollback')
    return seen.length > 0
  } finally {
    one.close()
    other.close()
  }
}

async function missingLimits(connection: DedicatedConnection): Promise<string[]> {
  const rows = await connection.query<{ name: string; role: string }>(
    `select name, quote_ident(current_user) as role
    from (values ('statement_timeout'), ('lock_timeout'), ('idle_in_transaction_session_timeout')) limits (name)
    where current_setting(name) = '0'`,
  )
  if (rows.length === 0) return []
  const statements = rows.map(({ name, role }) => `alter role ${role} set ${name} = '${limits[name]}'`)
  return [
    `the database is behind a pooler, which does not pass time limits on, and its role has none: run ${statements.join('; ')}` +
      ' and let the pooler connect anew',
  ]
}

const limits: Record<string, string> = {
  statement_timeout: '15s',
  lock_timeout: '5s',
  idle_in_transaction_session_timeout: '15s',
}

async function unprepared(url: string): Promise<DatabaseRefusal> {
  return new DatabaseRefusal(
    `DATABASE_URL leads through ${await nameOf(url)} in transaction mode, which does not keep prepared statements apart, ` +
      'and DB_PREPARE is true. Leave DB_PREPARE out or set it to false; or let DATABASE_URL lead to PostgreSQL itself, or ' +
      'to a pooler that does keep them apart (PgBouncer from 1.21 on, with max_prepared_statements)',
  )
}

async function noTransactions(url: string): Promise<DatabaseRefusal> {
  return new DatabaseRefusal(
    `DATABASE_URL leads through ${await nameOf(url)} in statement mode, which has no transactions. Set its pool_mode to ` +
      'transaction or session; or let DATABASE_URL lead to PostgreSQL itself',
  )
}

/** PgBouncer refuses settings at the start of a connection in words of its own. */
async function nameOf(url: string): Promise<string> {
  const { servers } = partsOf(url)
  const at = servers.map(({ host, port }) => `${host}:${port}`).join(',')
  // Not even where it is told to ignore limits.
  const name = await openConnection(url, { statementTimeoutMs, options: '-c kinoteka.name=1' }).then(
    (connection) => connection.close(),
    (error: Error) => (/unsupported startup parameter/.test(error.message) ? 'PgBouncer' : undefined),
  )
  return `${name ?? 'a connection pooler'} (${at})`
}
