import { createHash, randomUUID } from 'node:crypto'
import { connect } from '../../src/db/connect.ts'
import type { Answer, BenchKey } from './load.ts'

const users = 20
const keysOfEach = 50
/** What a statement has changed is seen by others when it is committed, a little after it was noted. */
const slackMs = 250

/** The database, with the history of every count: what was spent when. */
export async function openLedger(url: string) {
  const { sql, close } = connect(url, { max: 2 })
  await sql.unsafe(`
    create table history (name text, id integer, calls integer, at timestamptz default clock_timestamp());
    create function note_history() returns trigger language plpgsql as $$
    begin
      if tg_table_name = 'kinopoisk_key_spending' then
        insert into history (name, id, calls) values ('key', new.api_key_id, new.interactive);
      elsif new.user_id is not null then
        insert into history (name, id, calls) values ('user', new.user_id, new.interactive);
      end if;
      return null;
    end $$;
    create trigger key_history after insert or update on kinopoisk_key_spending
      for each row execute function note_history();
    create trigger user_history after insert or update on kinopoisk_spending
      for each row execute function note_history();`)

  /** Half of the users have a limit of their own, every key one of 1 to 3 calls. */
  async function makeKeys(): Promise<BenchKey[]> {
    const keys: BenchKey[] = []
    for (let i = 0; i < users; i += 1) {
      const userLimit = i % 2 ? 12 : -1
      const [user] = await sql`
        insert into users (login, password_hash, daily_limit, created_at)
        values (${`bench-user-${i}`}, 'none', ${userLimit}, '2020-01-01') returning id`
      for (let k = 0; k < keysOfEach; k += 1) {
        const key = randomUUID()
        const hash = createHash('sha256').update(key).digest()
        const limit = 1 + (k % 3)
        const [row] = await sql`
          insert into api_keys (user_id, name, hash, scopes, daily_limit)
          values (${user?.id}, 'bench', ${hash}, array['read'], ${limit}) returning id`
        keys.push({ id: row?.id, key, limit, userId: user?.id, userLimit })
      }
    }
    return keys.toSorted(() => Math.random() - 0.5)
  }

  /** Whether the count was at its limit at some moment while the request was under way. */
  async function wasSpent(name: 'key' | 'user', id: number, limit: number, { from, to }: Answer): Promise<boolean> {
    const [begin, end] = [from - slackMs, to + slackMs].map((ms) => new Date(ms).toISOString()) as [string, string]
    const [row] = await sql`
      select coalesce(max(calls), 0) as most from (
        select calls from history where name = ${name} and id = ${id} and at between ${begin} and ${end}
        union all
        (select calls from history where name = ${name} and id = ${id} and at < ${begin} order by at desc limit 1)
      ) as counts`
    return row?.most >= limit
  }

  return {
    makeKeys,
    close,
    async judge(answers: Answer[], calls: number[]) {
      const byFilm = new Map(answers.map((answer) => [answer.film, answer.key]))
      const ofKeys = countBy(calls.map((film) => byFilm.get(film)?.id))
      const ofUsers = countBy(calls.map((film) => byFilm.get(film)?.userId))
      const keys = new Set(byFilm.values())
      // By Kinopoisk's own count, so that a mistake of the ledger shows.
      const overspent = [...keys].reduce((sum, { id, limit }) => sum + Math.max(0, (ofKeys.get(id) ?? 0) - limit), 0)
      const limits = new Map([...keys].map(({ userId, userLimit }) => [userId, userLimit]))
      const overspentByUsers = [...limits]
        .filter(([, limit]) => limit >= 0)
        .reduce((sum, [id, limit]) => sum + Math.max(0, (ofUsers.get(id) ?? 0) - limit), 0)
      let wrong = 0
      for (const answer of answers) {
        const { id, limit, userId, userLimit } = answer.key
        if (answer.code === 'upstream_budget_spent' && !(await wasSpent('key', id, limit, answer))) wrong += 1
        if (answer.code === 'upstream_quota_exhausted' && !(await wasSpent('user', userId, userLimit, answer)))
          wrong += 1
      }
      const [row] = await sql`
        select (select coalesce(sum(interactive), 0)::int from kinopoisk_usage) as charged,
          (select coalesce(sum(interactive), 0)::int from kinopoisk_key_spending) as by_keys,
          (select coalesce(sum(interactive), 0)::int from kinopoisk_spending) as by_users,
          (select count(*)::int from kinopoisk_reservations where not sent) as leaked`
      const { charged, by_keys, by_users, leaked } = row as Record<string, number>
      return {
        overspent: overspent + overspentByUsers,
        leaked: leaked ?? 0,
        wrong,
        charged: charged ?? 0,
        chargedByKeys: by_keys ?? 0,
        chargedByUsers: by_users ?? 0,
      }
    },
  }
}

function countBy(ids: (number | undefined)[]): Map<number | undefined, number> {
  const counts = new Map<number | undefined, number>()
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1)
  return counts
}
