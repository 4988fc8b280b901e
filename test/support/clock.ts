import { cloneDatabase } from './databases.ts'
import { inDatabase } from './movies.ts'

/** A database whose clock is in our hands, for all who connect to it. */
export interface ClockedDatabase {
  url: string
  /** From now on it stands still there. */
  stopAt(moment: string): Promise<void>
  /** From now on it goes on from there. */
  runFrom(moment: string): Promise<void>
  /** Moves it, standing or running. */
  pass(interval: string): Promise<void>
}

/** A fresh migrated database with a clock of its own. */
export async function clockedDatabase(): Promise<ClockedDatabase> {
  const url = await cloneDatabase()
  await inDatabase(url, async (sql) => {
    await sql.unsafe(`
      create schema shifted;
      create table shifted.clock (stopped timestamptz, shift interval not null default '0 s');
      insert into shifted.clock default values;
      create function shifted.clock_timestamp() returns timestamptz language sql volatile as
        'select coalesce(stopped, pg_catalog.clock_timestamp()) + shift from shifted.clock';
      do $$ begin
        execute format('alter database %I set search_path = shifted, pg_catalog, public', current_database());
      end $$`)
  })
  const set = (assignment: string, value: string) =>
    inDatabase(url, (sql) => sql.unsafe(`update shifted.clock set ${assignment}`, [value]).then(() => {}))
  return {
    url,
    stopAt: (moment) => set(`stopped = $1, shift = '0 s'`, moment),
    runFrom: (moment) => set(`stopped = null, shift = $1::timestamptz - pg_catalog.clock_timestamp()`, moment),
    pass: (interval) => set(`shift = shift + $1::interval`, interval),
  }
}

/** A time zone in which it is this hour now. Their names have the sign of POSIX: Etc/GMT-3 is three hours ahead. */
export function zoneOfHour(hour: number): string {
  const ahead = ((hour - new Date().getUTCHours() + 36) % 24) - 12
  return `Etc/GMT${ahead > 0 ? '-' : '+'}${Math.abs(ahead)}`
}
