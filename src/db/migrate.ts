import { join } from 'node:path'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import type postgres from 'postgres'
import { connect, type Database } from './connect.ts'
import { findUnknownLetters, requireUnicode } from './letters.ts'
import { DatabaseRefusal } from './refusal.ts'

const migrations = readMigrationFiles({ migrationsFolder: join(import.meta.dirname, '../../drizzle') })
// Any constant that no other lock uses: replicas that start together take turns.
const lockKey = 7_300_157
const sayAfterMs = 5_000
const newest = Math.max(...migrations.map((file) => file.folderMillis))

interface Options {
  /** Whether a schema that a newer release made is worked with. */
  acceptsNewer?: boolean
  /** Gets what is wrong with the database, but can be worked with. */
  warn?: (line: string) => void
  /** Called once when another process has had the lock for long. */
  onWait?: () => void
  /** Called before the first statement that is to be done, and after each. */
  onProgress?: (done: number, total: number) => void
}

/**
 * Brings the database at `url` to the newest schema. Safe to call from many processes at once, also behind a pooler: all
 * is one transaction, the lock too.
 * @throws {DatabaseRefusal} when the database can't be worked with; then nothing has been changed
 */
export async function migrate(url: string, options: Options = {}): Promise<void> {
  const { sql, close } = connect(url, { max: 1, deadlineMs: Number.POSITIVE_INFINITY })
  try {
    await sql.begin((tx) => migrateIn(tx, options))
  } finally {
    await close()
  }
}

async function migrateIn(
  tx: postgres.TransactionSql,
  { acceptsNewer = false, warn = () => {}, onWait = () => {}, onProgress = () => {} }: Options,
): Promise<void> {
  await tx.unsafe(
    'set local lock_timeout = 0; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0',
  )
  const patience = setTimeout(onWait, sayAfterMs)
  await tx`select pg_advisory_xact_lock(${lockKey})`.finally(() => clearTimeout(patience))
  await requireUnicode(tx)
  // As drizzle-kit has them: it must go on finding what has been applied.
  await tx`create schema if not exists drizzle`
  await tx`create table if not exists drizzle.__drizzle_migrations (
    id serial primary key, hash text not null, created_at bigint)`
  const [last] = await tx`select max(created_at)::float8 as at from drizzle.__drizzle_migrations`
  const applied: number = last?.at ?? 0
  if (applied > newest) reportNewer(acceptsNewer, warn)
  const pending = migrations.filter((file) => file.folderMillis > applied)
  const total = pending.reduce((sum, file) => sum + file.sql.length, 0)
  let done = 0
  if (total > 0) onProgress(done, total)
  for (const { sql: statements, hash, folderMillis } of pending) {
    for (const statement of statements) {
      await tx.unsafe(statement)
      onProgress(++done, total)
    }
    await tx`insert into drizzle.__drizzle_migrations (hash, created_at) values (${hash}, ${folderMillis})`
  }
  const fault = await findUnknownLetters(tx)
  // It can't be changed in a database: nothing is lost yet in one that is new.
  if (fault && applied === 0) throw new DatabaseRefusal(fault)
  if (fault) warn(fault)
}

function reportNewer(accepts: boolean, warn: (line: string) => void): void {
  const fact = 'The database has the schema of a newer release: it has migrations that this release does not know'
  if (!accepts) {
    throw new DatabaseRefusal(
      `${fact}. Start the newer release; or, to go back to this one and keep what has been written since, set ` +
        'DATABASE_ACCEPT_NEWER=true, if the notes of the newer release do not exclude it',
    )
  }
  warn(`${fact}. DATABASE_ACCEPT_NEWER=true: it is used all the same`)
}

/** What a start would find, and do; nothing is changed. */
export async function readMigrations({
  sql,
}: Database): Promise<{ applied: boolean; pending: number; newer: boolean }> {
  const [table] = await sql`select to_regclass('drizzle.__drizzle_migrations') is not null as found`
  const [row] = table?.found ? await sql`select max(created_at)::float8 as at from drizzle.__drizzle_migrations` : []
  const at: number = row?.at ?? 0
  return {
    applied: at > 0,
    pending: migrations.filter((file) => file.folderMillis > at).length,
    newer: at > newest,
  }
}

/** True when the newest migration that this code knows has been applied. */
export async function isMigrated({ sql }: Database): Promise<boolean> {
  const [table] = await sql`select to_regclass('drizzle.__drizzle_migrations') is not null as found`
  if (table?.found !== true) return false
  const [row] = await sql`select max(created_at) >= ${newest} as done from drizzle.__drizzle_migrations`
  return row?.done === true
}
