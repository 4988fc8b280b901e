import { randomUUID } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { connect } from '../../src/db/connect.ts'
import { migrate } from '../../src/db/migrate.ts'
import { startPostgres } from '../../src/embedded/postgres.ts'
import type { SimulatedClock } from './clock.ts'
import type { Reply } from './judge.ts'
import type { Contender } from './proxies.ts'
import type { Random } from './random.ts'

interface Answer {
  source?: string
  code?: string
  items?: Reply['films']
  kinopoisk?: { complete?: boolean }
}

/** The real service over a PostgreSQL of its own, asked by so many users who are logged in. */
export async function ourService(
  url: string,
  clock: SimulatedClock,
  random: Random,
  users: number,
): Promise<Contender> {
  const dataDir = await mkdtemp(join(tmpdir(), 'kinoteka-bench-'))
  // For the account that runs the server when we are root.
  await chmod(dataDir, 0o711)
  const server = await startPostgres({ dataDir, settings: { fsync: 'off' } })
  await migrate(server.url)
  const time = await shiftTime(server.url, clock)
  const app = await buildApp(loadConfig({ DATA_DIR: dataDir, LOG_LEVEL: 'silent', ACCESS_TTL: '30d' }), {
    databaseUrl: server.url,
    sessionUrl: time.realUrl,
    jwtSecrets: ['a secret of the bench, of more than 32 bytes'],
    // The prefetch, once a minute, is done as often in simulated time, or nearly so.
    kinopoisk: { url, apiKey: 'ours', sandbox: true, prefetchMs: 100 },
    version: 'bench',
    clock: { now: () => new Date(clock.now()), random },
  })
  await app.ready()
  const headersOf = await logIn(app, users)
  return {
    async fetch({ film, query, user }) {
      const path = query === undefined ? `/movies/${film.id}` : `/movies/search?${new URLSearchParams({ query })}`
      const answer = await app.inject({ method: 'GET', url: path, headers: headersOf(user) })
      return read(answer.statusCode, String(answer.headers['cache-status']), answer.json())
    },
    beforeJump: time.jump,
    async paid() {
      const [row] = await app.database.sql<{ calls: number }[]>`
        select coalesce(sum(interactive + refresh + import + outside), 0)::int as calls from kinopoisk_usage`
      return row?.calls ?? 0
    },
    async close() {
      await app.close()
      await time.close()
      await server.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** The headers of each user: accounts of long ago, without the work of their hashes. No token lasts as long as the days do. */
async function logIn(app: Awaited<ReturnType<typeof buildApp>>, users: number) {
  const { sql } = app.database
  const accounts = await sql<{ id: number }[]>`
    insert into users (login, password_hash, created_at)
    select 'bench-' || i, 'none', '2020-01-01' from generate_series(1, ${users}) i returning id`
  const sessions = accounts.map(({ id }) => ({ id: randomUUID(), user_id: id }))
  await sql`
    insert into sessions (id, user_id, refresh_hash, expires_at, last_used_at)
    select id::uuid, user_id, sha256(id::bytea), '2100-01-01', '2100-01-01'
    from jsonb_to_recordset(${JSON.stringify(sessions)}::text::jsonb) as session (id text, user_id integer)`
  return (user: number) => {
    const session = sessions[user]
    if (!session) throw new Error(`there is no user ${user}`)
    const token = app.accessTokens.sign({ userId: session.user_id, sessionId: session.id })
    return { authorization: `Bearer ${token}` }
  }
}

function read(status: number, cacheStatus: string, answer: Answer & Reply['films'][number]): Reply {
  if (status !== 200) return { how: 'error', films: [], code: answer.code ?? String(status) }
  const films = answer.items ?? [answer]
  if (answer.source === 'local') return { how: 'local', films }
  if (answer.kinopoisk?.complete === false) return { how: 'partial', films }
  return { how: cacheStatus.includes('ttl=-') ? 'stale' : 'full', films }
}

/**
 * Puts a clock_timestamp() of ours before PostgreSQL's, so that days and windows follow the simulated clock. `realUrl` is for
 * the change feed, which would take each jump for a machine that has slept, and forget all it has cached.
 */
async function shiftTime(url: string, clock: SimulatedClock) {
  const { sql, close } = connect(url, { max: 1 })
  await sql`create schema simulated`
  await sql`create table simulated.clock (shift_ms float8 not null)`
  await sql`insert into simulated.clock values (${clock.shiftMs()})`
  await sql.unsafe(`
    create function simulated.clock_timestamp() returns timestamptz language sql volatile as
      'select pg_catalog.clock_timestamp() + (select shift_ms from simulated.clock) * interval ''1 millisecond'''`)
  await sql.unsafe(`
    do $$ begin
      execute format('alter database %I set search_path = simulated, pg_catalog, public', current_database());
    end $$`)
  await sql.unsafe("create role unshifted login superuser password 'bench'")
  await sql.unsafe('alter role unshifted set search_path = pg_catalog, public')
  const realUrl = new URL(url)
  realUrl.username = 'unshifted'
  realUrl.password = 'bench'
  return {
    realUrl: realUrl.href,
    async jump(toShiftMs: number) {
      await sql`update simulated.clock set shift_ms = ${toShiftMs}`
    },
    close,
  }
}
