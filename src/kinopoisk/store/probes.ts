import { sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { kinopoiskProbes as probes } from '../../db/schema/kinopoisk.ts'

/** Why upstream is not trusted: how a film that is known to exist was answered, or that it could not be asked for. */
export type ProbeReason = NonNullable<typeof probes.$inferSelect.reason>

interface Trouble {
  reason: ProbeReason
  since: Date
  /** When the last probe began. */
  checkedAt: Date
}

const now = sql`clock_timestamp()`
const ago = (ms: number) => sql`${now} - ${ms} * interval '1 millisecond'`
// An episode of trouble goes on when the next probe is not much later than the last.
const sameEpisode = sql`interval '15 minutes'`

/** The last probe, over all replicas. Its result counts for `everyMs` from its beginning, and so long there is no other. */
export function createProbeRepository(db: Db, everyMs: number) {
  const columns = {
    reason: probes.reason,
    begunAt: probes.begun_at,
    hasEnded: sql<boolean>`${probes.ended_at} is not null`,
    leftMs: sql<number>`(extract(epoch from ${probes.begun_at} - (${ago(everyMs)})) * 1000)::float8`,
  }
  return {
    /** For one replica at a time. Returns the probe before; undefined when it is not our turn. */
    async claim(): Promise<{ reason: ProbeReason | null; path: string | null } | undefined> {
      const [row] = await db.execute<{ reason: ProbeReason | null; path: string | null }>(sql`
        insert into ${probes} (id, begun_at) values (1, ${now})
        on conflict (id) do update set begun_at = ${now}, ended_at = null,
          since = case when ${probes.begun_at} > ${now} - ${sameEpisode} then ${probes.since} end,
          reason = case when ${probes.begun_at} > ${now} - ${sameEpisode} then ${probes.reason} end
        where ${probes.begun_at} not between ${ago(everyMs)} and ${now}
        returning ${probes.reason}, ${probes.path}`)
      return row
    },

    /** Its result; null when upstream is well. `begins`: it is the first of an episode of trouble. */
    async end(reason: ProbeReason | null, path: string | undefined) {
      const [row] = await db
        .update(probes)
        .set({
          ended_at: now,
          reason,
          since: reason && sql`coalesce(${probes.since}, ${probes.begun_at})`,
          path: path ?? sql`${probes.path}`,
        })
        .returning({ ...columns, begins: sql<boolean>`coalesce(${probes.since} = ${probes.begun_at}, false)` })
      if (!row) throw new Error('a probe that was claimed has a row')
      return row
    },

    /** The last one, and how long its result still counts. */
    async find() {
      const [row] = await db.select(columns).from(probes)
      return row
    },

    /** The trouble of the last minutes. Older trouble may be over: nothing doubtful has come since. */
    async findTrouble(): Promise<Trouble | undefined> {
      const [row] = await db
        .select({ reason: probes.reason, since: probes.since, checkedAt: probes.begun_at })
        .from(probes)
        .where(sql`${probes.begun_at} > ${ago(2 * everyMs)}`)
      return row?.reason && row.since ? { ...row, reason: row.reason, since: row.since } : undefined
    },

    /** Upstream has answered properly. */
    async endTrouble(): Promise<void> {
      await db.update(probes).set({ reason: null, since: null })
    },
  }
}

export type ProbeRepository = ReturnType<typeof createProbeRepository>
