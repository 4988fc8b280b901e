import type postgres from 'postgres'
import { connect } from '../../src/db/connect.ts'

/** What one account has: 2 devices, 2 networks, and lists whose films are drawn by popularity. */
const perUser = { sessions: 2, known_networks: 2, favourites: 30, wishlist: 20, ratings: 40 }

const filled = [...Object.keys(perUser), 'users']

/**
 * Accounts up to the number `to`, and all that they have. Foreign keys and triggers are left out, and indexes made at the end: what
 * is measured is the finished table.
 */
export async function fill(url: string, from: number, to: number): Promise<void> {
  const { sql, close } = connect(url, { max: 1, deadlineMs: Number.POSITIVE_INFINITY })
  await sql`set statement_timeout = 0`
  await sql`set session_replication_role = replica`
  await sql`set maintenance_work_mem = '256MB'`
  await sql`select setseed(0.42)`
  const indexes = await sql<{ indexname: string; indexdef: string }[]>`
    select indexname, indexdef from pg_indexes where tablename in ${sql(filled)} and indexname !~ '_(pkey|key)$'`
  for (const { indexname } of indexes) await sql`drop index ${sql(indexname)}`
  await sql`
    insert into users (login, password_hash, name, created_at)
    select '+38050' || lpad(i::text, 7, '0'), '$argon2id$v=19$m=19456,t=2,p=1$' || repeat('s', 22) || '$' || repeat('h', 43),
      case when i % 3 = 0 then 'Somebody' end, now() - random() * interval '3 years'
    from generate_series(${from + 1}::int, ${to}::int) i`
  await fillRows(sql, from)
  for (const { indexdef } of indexes) await sql.unsafe(indexdef)
  await sql`
    insert into film_votes (film_id, rate_sum, votes)
    select film_id, sum(value), count(*) from ratings group by film_id
    on conflict (film_id) do update set rate_sum = excluded.rate_sum, votes = excluded.votes`
  await sql`vacuum analyze`
  await close()
}

async function fillRows(sql: postgres.Sql, from: number): Promise<void> {
  const [range] = await sql<{ first: number; films: number }[]>`
    select min(id)::int as first, count(*)::int as films from films where listed`
  const { first = 0, films = 0 } = range ?? {}
  const drawn = sql`${first}::int + floor(${films}::int * power(random(), 2))::int`
  const each = (times: number) => sql`users, generate_series(1, ${times}::int) n where users.id > ${from}::int`
  await sql`
    insert into sessions (id, user_id, refresh_hash, expires_at, created_at, last_used_at, user_agent, ip)
    select gen_random_uuid(), users.id, sha256(users.id::text::bytea), now() + interval '30 days', now() - random() * interval '60 days',
      now() - random() * interval '30 days', repeat('Mozilla/5.0 (X11; Linux x86_64) ', 4), '203.0.113.' || users.id % 256
    from ${each(perUser.sessions)}`
  await sql`
    insert into known_networks (user_id, network, last_login_at)
    select users.id, '203.0.' || n || '.' || users.id % 256, now() - random() * interval '90 days'
    from ${each(perUser.known_networks)}`
  for (const list of ['favourites', 'wishlist'] as const)
    await sql`
      insert into ${sql(list)} (user_id, film_id, created_at)
      select users.id, ${drawn}, now() - random() * interval '2 years' from ${each(perUser[list])} on conflict do nothing`
  await sql`
    insert into ratings (user_id, film_id, value, updated_at)
    select users.id, ${drawn}, 1 + floor(10 * random())::int, now() - random() * interval '2 years'
    from ${each(perUser.ratings)} on conflict do nothing`
}

export interface TableSize {
  table: string
  rows: number
  /** Of a row, with what lies out of line. */
  rowBytes: number
  indexBytes: number
}

export async function measureTables(sql: postgres.Sql): Promise<TableSize[]> {
  const tables = [
    ...filled,
    'films',
    'film_genres',
    'film_votes',
    'kinopoisk_answers',
    'kinopoisk_spending',
    'auth_failures',
    'changes',
  ]
  const sizes = await Promise.all(
    tables.map(async (table) => {
      const [row] = await sql<{ rows: number; heap: number; indexes: number }[]>`
        select (select count(*)::float8 from ${sql(table)}) as rows, pg_table_size(${table}::regclass)::float8 as heap,
          pg_indexes_size(${table}::regclass)::float8 as indexes`
      const { rows = 0, heap = 0, indexes = 0 } = row ?? {}
      return { table, rows, rowBytes: heap / rows, indexBytes: indexes / rows }
    }),
  )
  return sizes.filter(({ rows }) => rows >= 100)
}
