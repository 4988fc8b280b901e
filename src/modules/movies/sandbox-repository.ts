import { eq, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { directors } from '../../db/schema/directors.ts'
import { films } from '../../db/schema/films.ts'
import { kinopoiskAccounts, kinopoiskAnswers, kinopoiskRates, kinopoiskUsage } from '../../db/schema/kinopoisk.ts'

/** By what the embedded sandbox's films and directors are recognised. */
export interface SandboxFacts {
  films: { id: number; name: string | null; year: number | null; minutes: number | null; description: string | null }[]
  /** Ids that Kinopoisk has given to nobody. */
  directorIds: number[]
}

/** What the sandbox, used with the key of `keyHash`, has left in a database that the real Kinopoisk serves from now on. */
export function createSandboxRepository(db: Db, keyHash: string) {
  return {
    /**
     * Once, if the sandbox was used with this database: its responses are deleted, its directors lose their made-up ids
     * (a real person may get one), and its films are marked, so that details of Kinopoisk replace them. What an
     * administrator has changed is not marked. Returns how many are; undefined where there is no trace of the sandbox.
     */
    async leave(readFacts: () => Promise<SandboxFacts>): Promise<number | undefined> {
      const [used] = await db.select().from(kinopoiskAccounts).where(eq(kinopoiskAccounts.key_hash, keyHash))
      if (!used) return undefined
      const facts = await readFacts()
      return db.transaction(async (tx) => {
        const ids = sql.param(facts.films.map(({ id }) => id))
        // Of films that it does not have it can only have said that there are none.
        await tx.execute(sql`
          delete from ${kinopoiskAnswers} where body is null or path !~ '^/api/v2.2/films/[0-9]+$'
            or substring(path from '[0-9]+$')::bigint = any(${ids}::int[])`)
        await tx.execute(sql`
          update ${directors} set kinopoisk_id = null where kinopoisk_id = any(${sql.param(facts.directorIds)}::int[])`)
        const marked = await markFilms(tx, facts.films)
        for (const table of [kinopoiskAccounts, kinopoiskUsage, kinopoiskRates]) {
          await tx.delete(table).where(eq(table.key_hash, keyHash))
        }
        return marked
      })
    },
  }
}

/** All of them are fetched again; of the listed ones those are marked that are as the sandbox has them. */
async function markFilms(tx: Db, known: SandboxFacts['films']): Promise<number> {
  const facts = sql`jsonb_to_recordset(${JSON.stringify(known)}::jsonb)
    as fact (id int, name text, year int, minutes int, description text)`
  const rows = await tx.execute<{ sandbox: boolean }>(sql`
    update ${films} set
      sandbox = films.listed and films.name = fact.name and films.year = fact.year
        and films.minutes is not distinct from fact.minutes
        and films.description is not distinct from fact.description,
      kinopoisk_synced_at = null,
      kinopoisk = films.kinopoisk || '{"complete": false}'
    from ${facts}
    where films.id = fact.id
    returning films.sandbox`)
  return rows.filter(({ sandbox }) => sandbox).length
}
