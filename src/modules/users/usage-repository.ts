import { sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'

/** The number of accounts, and of users with a recently used session; refreshing its tokens marks a session as used. */
export function createUsageRepository(db: Db) {
  return {
    async count() {
      const [row] = await db.execute<{
        registered: number
        hour: number
        day: number
        week: number
        month: number
      }>(sql`
        select (select count(*)::int from users) as registered,
          count(distinct user_id) filter (where last_used_at > now() - interval '1 hour')::int as hour,
          count(distinct user_id) filter (where last_used_at > now() - interval '1 day')::int as day,
          count(distinct user_id) filter (where last_used_at > now() - interval '7 days')::int as week,
          count(distinct user_id)::int as month
        from sessions where last_used_at > now() - interval '30 days'`)
      const { registered = 0, hour = 0, day = 0, week = 0, month = 0 } = row ?? {}
      return { registered, active: { '1h': hour, '1d': day, '7d': week, '30d': month } }
    },
  }
}
