import type { DedicatedConnection } from '../db/copy/connection.ts'

// Of a server that was promoted the timeline is another one; of one that was restored from a dump, the system.
const place = `
  select (select system_identifier from pg_control_system())::text as system,
    left(pg_walfile_name(pg_current_wal_lsn()), 8) as timeline`

/**
 * A random value in the database that was written behind the beginning of its timeline: a server that has it is this
 * primary, or its standby. One that followed another primary, and whose positions mean nothing here, has it not.
 */
export async function markTimeline(connection: DedicatedConnection): Promise<string> {
  await connection.query(`
    insert into timelines (system, timeline) select system, timeline from (${place}) as here
    where not exists (select from timelines where (system, timeline) = (here.system, here.timeline))
    on conflict do nothing`)
  const [row] = await connection.query<{ mark: string }>(`
    select mark::text from timelines where (system, timeline) = (select system, timeline from (${place}) as here)`)
  if (!row) throw new Error('The timeline of the database has no mark')
  return row.mark
}
