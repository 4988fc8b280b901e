import { join } from 'node:path'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { migrate as run } from 'drizzle-orm/postgres-js/migrator'
import { connect, type Database } from './connect.ts'

const migrationsFolder = join(import.meta.dirname, '../../drizzle')
// Any constant that no other lock uses: replicas that start together take turns.
const lockKey = 7_300_157
const newest = Math.max(...readMigrationFiles({ migrationsFolder }).map((file) => file.folderMillis))

/** Brings the database at `url` to the newest schema. Safe to call from many processes at once. */
export async function migrate(url: string): Promise<void> {
  const { db, sql, close } = connect(url, { max: 1, deadlineMs: Number.POSITIVE_INFINITY })
  try {
    await sql`set lock_timeout = 0`
    await sql`set statement_timeout = 0`
    await sql`select pg_advisory_lock(${lockKey})`
    await run(db, { migrationsFolder })
  } finally {
    await close()
  }
}

/** True when the newest migration that this code knows has been applied. */
export async function isMigrated({ sql }: Database): Promise<boolean> {
  const [table] = await sql`select to_regclass('drizzle.__drizzle_migrations') is not null as found`
  if (table?.found !== true) return false
  const [row] = await sql`select max(created_at) >= ${newest} as done from drizzle.__drizzle_migrations`
  return row?.done === true
}
