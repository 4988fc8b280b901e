import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { migrate as runMigrations } from 'drizzle-orm/postgres-js/migrator'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { connect, type Database } from '../src/db/connect.ts'
import { openConnection } from '../src/db/copy/connection.ts'
import { isUnavailable, meaning, violated } from '../src/db/errors.ts'
import { isMigrated, migrate } from '../src/db/migrate.ts'
import { readAddresses } from '../src/db/pool/address.ts'
import { DatabaseRefusal } from '../src/db/refusal.ts'
import { genres } from '../src/db/schema/genres.ts'
import { users } from '../src/db/schema/users.ts'
import { cloneDatabase } from './support/databases.ts'
import { emptyDatabase } from './support/pgbouncer.ts'
import { cleanUp, repository, runNode } from './support/process.ts'

afterEach(cleanUp)

async function withDatabase<T>(url: string, work: (database: Database) => Promise<T>): Promise<T> {
  const database = connect(url, { max: 2 })
  try {
    return await work(database)
  } finally {
    await database.sql.end({ timeout: 0 })
  }
}

const errorOf = (work: PromiseLike<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('Migrations', () => {
  test('an empty database is not migrated, and then is', { tags: 'slow' }, async () => {
    const url = await emptyDatabase()
    await withDatabase(url, async (database) => {
      expect(await isMigrated(database)).toBe(false)
      await migrate(url)
      expect(await isMigrated(database)).toBe(true)
      await database.sql`delete from drizzle.__drizzle_migrations`
      expect(await isMigrated(database)).toBe(false)
    })
  })

  test('three processes at once apply each of them once', { tags: 'slow' }, async () => {
    const url = await emptyDatabase()
    const code = `import { migrate } from '${repository}/src/db/migrate.ts'; await migrate('${url}')`
    const replicas = [1, 2, 3].map(() => runNode(['--input-type=module', '-e', code]))
    expect(await Promise.all(replicas.map((replica) => replica.ended()))).toEqual([0, 0, 0])
    await withDatabase(url, async ({ sql }) => {
      const [row] = await sql`select count(*)::int as all, count(distinct hash)::int as different
        from drizzle.__drizzle_migrations`
      expect(row?.all).toBeGreaterThan(0)
      expect(row?.different).toBe(row?.all)
    })
  })
})

describe('A schema of a newer release', () => {
  const newer = async () => {
    const url = await cloneDatabase()
    await withDatabase(
      url,
      ({ sql }) => sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('x', 9000000000000)`,
    )
    return url
  }

  test('is refused, and the message names both ways on', async () => {
    const error = await errorOf(migrate(await newer()))
    expect(error).toBeInstanceOf(DatabaseRefusal)
    expect((error as Error).message).toMatch(/newer release.*Start the newer release.*DATABASE_ACCEPT_NEWER=true/)
  })

  test('is worked with where that is configured, with a warning', async () => {
    const warnings: string[] = []
    const url = await newer()
    await migrate(url, { acceptsNewer: true, warn: (line) => warnings.push(line) })
    expect(warnings).toEqual([expect.stringContaining('it is used all the same')])
    await withDatabase(url, async (database) => expect(await isMigrated(database)).toBe(true))
  })
})

describe('A database that knows no Cyrillic letters', () => {
  // Upper and lower case go by the provider of the collation, trigrams by LC_CTYPE in some versions.
  const odd = [
    `template template0 encoding 'UTF8' locale_provider libc locale 'C'`,
    `template template0 encoding 'SQL_ASCII' locale_provider libc locale 'C'`,
  ]

  test.each(odd)('is refused while it is new, and stays as it was: %s', { tags: 'slow' }, async (how) => {
    const url = await emptyDatabase(how)
    const error = await errorOf(migrate(url))
    expect(error).toBeInstanceOf(DatabaseRefusal)
    expect((error as Error).message).toMatch(/LC_CTYPE C|encoding SQL_ASCII/)
    expect((error as Error).message).toContain(`CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'`)
    await withDatabase(url, async ({ sql }) => {
      expect(await sql`select nspname from pg_namespace where nspname = 'drizzle'`).toEqual([])
      expect(await sql`select relname from pg_class where relname = 'films'`).toEqual([])
    })
  })

  test('starts with a warning each time where there are films', { tags: 'slow' }, async () => {
    const url = await emptyDatabase(odd[0])
    await withDatabase(url, async ({ db, sql }) => {
      await runMigrations(db, { migrationsFolder: join(repository, 'drizzle') })
      await sql`insert into films (name, year) values ('Матрица', 1999)`
    })
    for (const _ of [1, 2]) {
      const warnings: string[] = []
      await migrate(url, { warn: (line) => warnings.push(line) })
      expect(warnings).toEqual([expect.stringMatching(/LC_CTYPE C.*would find nothing/)])
    }
  })

  test.each([
    `template template0 encoding 'UTF8' locale_provider builtin builtin_locale 'C.UTF-8' lc_collate 'C' lc_ctype 'C'`,
    `template template0 encoding 'UTF8' locale_provider icu icu_locale 'und' lc_collate 'C' lc_ctype 'C'`,
    `template template0 encoding 'UTF8' locale_provider libc locale 'C.UTF-8'`,
  ])(
    'is told by what it does: where a film is found by a Cyrillic name all is well: %s',
    { tags: 'slow' },
    async (how) => {
      const url = await emptyDatabase(how)
      const refusal = await errorOf(migrate(url))
      await withDatabase(url, async ({ db, sql }) => {
        if (refusal) await runMigrations(db, { migrationsFolder: join(repository, 'drizzle') })
        await sql`insert into films (name, year) values ('МАТРИЦА', 1999)`
        const found = await sql`select from films where words %> 'матрицо'`
        expect({ how, refused: refusal instanceof DatabaseRefusal }).toEqual({ how, refused: found.length === 0 })
      })
    },
  )
})

describe('The migration to lenient reading', () => {
  const kinopoisk = {
    minutes: 1500,
    web_url: 'javascript:alert(1)',
    poster_url: 'https://p.example/1.jpg',
    logo_url: null,
  }
  const before = [
    { id: 1, name: 'Том &amp; Джерри', original_name: '&laquo;A&raquo; &amp;lt;\u200b', minutes: 1500, kinopoisk },
    { id: 2, name: '&nbsp;', poster_url: '/images/2.jpg', trailer: 'https://t.example/?a=1&b=2#c' },
    { id: 3, name: 'A &amp; B', listed: true, poster_url: 'www.p.example/3.jpg', trailer: 'javascript:alert(1)' },
    { id: 4, name: 'Four', poster_url: 'https://me:secret@p.example/4.jpg', trailer: ' //t.example/4', minutes: 1440 },
  ]
  const after = [
    {
      id: 1,
      name: 'Том & Джерри',
      original_name: '«A» &lt;',
      minutes: null,
      kinopoisk: { ...kinopoisk, web_url: null },
    },
    { id: 2, name: '&nbsp;', poster_url: null, trailer: 'https://t.example/?a=1&b=2#c' },
    { id: 3, name: 'A &amp; B', poster_url: 'https://www.p.example/3.jpg', trailer: null },
    { id: 4, name: 'Four', poster_url: null, trailer: 'https://t.example/4', minutes: 1440 },
  ]

  test('removes addresses that are none and impossible lengths, and decodes names that Kinopoisk has told', {
    tags: 'slow',
  }, async () => {
    const files = readMigrationFiles({ migrationsFolder: join(repository, 'drizzle') })
    await withDatabase(await emptyDatabase(), async ({ sql }) => {
      for (const statement of files.slice(0, 5).flatMap((file) => file.sql)) await sql.unsafe(statement)
      await sql`insert into directors (name) values ('Ann')`
      for (const film of before) {
        const { listed = false } = film
        const row = { ...film, director_id: 1, year: 2000, listed }
        await sql`
          insert into films (id, name, original_name, listed, director_id, year, minutes, poster_url, trailer, kinopoisk)
          select id, name, original_name, listed, director_id, year, minutes, poster_url, trailer, kinopoisk
          from jsonb_populate_record(null::films, ${JSON.stringify(row)}::text::jsonb)`
      }
      await sql.begin(async (tx) => {
        for (const statement of files.slice(5).flatMap((file) => file.sql)) await tx.unsafe(statement)
      })
      expect([...(await sql`select * from films order by id`)]).toMatchObject(after)
      const invalid = await sql`select conname from pg_constraint where not convalidated`
      expect(invalid).toHaveLength(0)
      await sql`insert into films (id, name) values (999999999, 'x')`
    })
  })
})

describe('A database of an earlier version', () => {
  /** As a service had it whose last migration was `tag`. */
  async function migrateTo(url: string, tag: string): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'kinoteka-migrations-'))
    await cp(join(repository, 'drizzle'), folder, { recursive: true })
    const file = join(folder, 'meta/_journal.json')
    const journal = JSON.parse(await readFile(file, 'utf8')) as { entries: { tag: string }[] }
    const last = journal.entries.findIndex((entry) => entry.tag === tag)
    await writeFile(file, JSON.stringify({ ...journal, entries: journal.entries.slice(0, last + 1) }))
    await withDatabase(url, ({ db }) => runMigrations(db, { migrationsFolder: folder }))
    await rm(folder, { recursive: true })
  }

  test('loses the pages of popular films that were stored as not there, and nothing else', {
    tags: 'slow',
  }, async () => {
    const url = await emptyDatabase()
    await migrateTo(url, '0004_changes')
    const page = (year: number) => `/api/v2.2/films?order=NUM_VOTE&type=ALL&yearFrom=${year}&yearTo=${year}&page=1`
    await withDatabase(url, async ({ sql }) => {
      for (const path of [page(2025), page(2024), '/api/v2.2/films/7']) {
        await sql`insert into kinopoisk_answers values (${path}, 404, null, now(), now() + interval '30 days')`
      }
      await sql`insert into kinopoisk_answers values (${page(2023)}, 200, '{}', now(), now() + interval '30 days')`
    })
    await migrate(url)
    await withDatabase(url, async ({ sql }) => {
      const rows = await sql`select path from kinopoisk_answers order by path`
      expect(rows.map(({ path }) => path)).toEqual(['/api/v2.2/films/7', page(2023)])
    })
  })

  test('keeps the scores of its films, and counts further ones', { tags: 'slow' }, async () => {
    const url = await emptyDatabase()
    await migrateTo(url, '0017_pictures')
    const rate = (user: number, film: number, value: number) =>
      withDatabase(
        url,
        ({ sql }) => sql`insert into ratings (user_id, film_id, value) values (${user}, ${film}, ${value})`,
      )
    await withDatabase(url, async ({ sql }) => {
      await sql`insert into users (login, password_hash) select 'user' || n, 'hash' from generate_series(1, 3) n`
      await sql`insert into films (id, name) values (1, 'One'), (2, 'Two'), (3, 'Three')`
    })
    for (const [user, film, value] of [
      [1, 1, 10],
      [2, 1, 3],
      [1, 2, 7],
    ] as const)
      await rate(user, film, value)
    await migrate(url)
    await withDatabase(url, async ({ sql }) => {
      const votes = () => sql`select film_id, rate_sum, votes from film_votes order by film_id`
      const two = { film_id: 2, rate_sum: 7, votes: 1 }
      expect([...(await votes())]).toEqual([{ film_id: 1, rate_sum: 13, votes: 2 }, two])
      await rate(3, 1, 1)
      await rate(3, 3, 5)
      await sql`delete from ratings where user_id = 1`
      const left = [
        { film_id: 1, rate_sum: 4, votes: 2 },
        { ...two, rate_sum: 0, votes: 0 },
      ]
      expect([...(await votes())]).toEqual([...left, { film_id: 3, rate_sum: 5, votes: 1 }])
    })
  })
})

describe('The schema', () => {
  let database: Database
  beforeAll(async () => {
    database = connect(await cloneDatabase(), { max: 1 })
    await database.sql`insert into users (login, password_hash) values ('ann', 'hash')`
    await database.sql`insert into genres (name) values ('Drama')`
    await database.sql`insert into directors (name, kinopoisk_id) values ('Ann', 1)`
    await database.sql`insert into films (id, name, listed, director_id, year) values (301, 'Film', true, 1, 1999)`
    await database.sql`insert into film_genres values (301, 1, 0)`
    await database.sql`insert into favourites (user_id, film_id) values (1, 301)`
    await database.sql`insert into ratings (user_id, film_id, value) values (1, 301, 10)`
  })
  afterAll(() => database.close())

  const session = (hash: string, generation = 0) =>
    `insert into sessions (id, user_id, generation, refresh_hash, expires_at)
      values (gen_random_uuid(), 1, ${generation}, ${hash}, now())`
  const answer = (status: number, body: string, expires = 'now()') =>
    `insert into kinopoisk_answers values ('/${status}${body}', ${status}, ${body}, now(), ${expires})`

  test.each([
    ['a film id of 0', `insert into films (id, name) values (0, 'x')`, 'films_id_check'],
    ['a blank film name', `insert into films (name) values ('')`, 'films_name_check'],
    ['a film name with space around', `insert into films (name) values (' x')`, 'films_name_check'],
    ['a film name of 501 letters', `insert into films (name) values (repeat('x', 501))`, 'films_name_check'],
    ['a rate of 11', `insert into films (name, rate) values ('x', 11)`, 'films_rate_check'],
    ['a negative rate', `insert into films (name, rate) values ('x', -0.1)`, 'films_rate_check'],
    ['a year before films', `insert into films (name, year) values ('x', 1799)`, 'films_year_check'],
    ['a film of no minutes', `insert into films (name, minutes) values ('x', 0)`, 'films_minutes_check'],
    ['a film of more than a day', `insert into films (name, minutes) values ('x', 1441)`, 'films_minutes_check'],
    ['more score than votes can give', `insert into film_votes select id, 11, 1 from films`, 'film_votes_check'],
    ['less score than votes must give', `insert into film_votes select id, 1, 2 from films`, 'film_votes_check'],
    [
      'a listed film without a director',
      `insert into films (name, listed, year) values ('y', true, 1999)`,
      'films_listed_check',
    ],
    [
      'a listed film without a year',
      `insert into films (name, listed, director_id) values ('y', true, 1)`,
      'films_listed_check',
    ],
    [
      'two listed films of one name in different case',
      `insert into films (name, listed, director_id, year) values ('FILM', true, 1, 2000)`,
      'films_listed_name_key',
    ],
    ['a film of an unknown director', `update films set director_id = 99`, 'films_director_id_directors_id_fk'],
    ['a genre given to a film twice', `insert into film_genres values (301, 1, 1)`, 'film_genres_pkey'],
    ['a negative position', `update film_genres set position = -1`, 'film_genres_position_check'],
    ['two genres that differ in case', `insert into genres (name) values ('dRAMA')`, 'genres_name_key'],
    ['a blank genre', `insert into genres (name) values ('')`, 'genres_name_check'],
    ['a genre removed under a film', `delete from genres`, 'film_genres_genre_id_genres_id_fk'],
    ['a blank director', `insert into directors (name) values (' ')`, 'directors_name_check'],
    [
      'two directors of one Kinopoisk id',
      `insert into directors (name, kinopoisk_id) values ('b', 1)`,
      'directors_kinopoisk_id_key',
    ],
    ['a director removed under a film', `delete from directors`, 'films_director_id_directors_id_fk'],
    ['a rating of 0', `update ratings set value = 0`, 'ratings_value_check'],
    ['a rating of 11', `update ratings set value = 11`, 'ratings_value_check'],
    ['a second rating of one user', `insert into ratings (user_id, film_id, value) values (1, 301, 5)`, 'ratings_pkey'],
    ['a favourite kept twice', `insert into favourites (user_id, film_id) values (1, 301)`, 'favourites_pkey'],
    [
      'a wish for an unknown film',
      `insert into wishlist (user_id, film_id) values (1, 302)`,
      'wishlist_film_id_films_id_fk',
    ],
    ['a film removed under a list', `delete from films`, /^(favourites|ratings)_film_id_films_id_fk$/],
    ['a login too short', `insert into users (login, password_hash) values ('ab', 'h')`, 'users_login_check'],
    ['a login taken', `insert into users (login, password_hash) values ('ann', 'h')`, 'users_login_key'],
    ['a role that is none', `update users set role = 'root'`, 'users_role_check'],
    ['an age of 151', `update users set age = 151`, 'users_age_check'],
    ['a blank name of a user', `update users set name = ''`, 'users_name_check'],
    ['an unknown favourite genre', `update users set favorite_genre = 99`, 'users_favorite_genre_genres_id_fk'],
    ['a session hash of 31 bytes', session(`decode(repeat('00', 31), 'hex')`), 'sessions_refresh_hash_check'],
    ['a negative generation', session(`decode(repeat('00', 32), 'hex')`, -1), 'sessions_generation_check'],
    ['an answer of another status', answer(500, `null`), 'kinopoisk_answers_status_check'],
    ['a found answer without a body', answer(200, `null`), 'kinopoisk_answers_body_check'],
    ['an answer that expires before it came', answer(404, 'null', `'-infinity'`), 'kinopoisk_answers_expires_at_check'],
    [
      'negative calls',
      `insert into kinopoisk_usage (key_hash, day, refresh) values ('', now(), -1)`,
      'kinopoisk_usage_calls_check',
    ],
    [
      'a limit below none',
      `insert into kinopoisk_accounts (key_hash, daily_limit) values ('', -2)`,
      'kinopoisk_accounts_daily_limit_check',
    ],
    [
      'a negative count of failures',
      `insert into kinopoisk_failures values ('/', 'timeout', -1, now(), now())`,
      'kinopoisk_failures_failures_check',
    ],
    ['a second probe', `insert into kinopoisk_probes (id, begun_at) values (2, now())`, 'kinopoisk_probes_id_check'],
    [
      'trouble since nobody knows when',
      `insert into kinopoisk_probes (begun_at, reason) values (now(), 'unasked')`,
      'kinopoisk_probes_since_check',
    ],
    [
      'a block without an end',
      `insert into kinopoisk_accounts (key_hash, blocked) values ('', 'key')`,
      'kinopoisk_accounts_blocked_check',
    ],
  ])('refuses %s', async (_name, statement, constraint) => {
    const error = await errorOf(database.sql.unsafe(statement))
    expect(violated(error)).toMatch(constraint)
  })

  test('gives films made here ids from 1 000 000 000 on', async () => {
    const rows = await database.sql`insert into films (name) values ('one'), ('two') returning id`
    const [first] = await database.sql`select min(id) as id from films where id > 301`
    expect(first?.id).toBeGreaterThanOrEqual(1_000_000_000)
    expect(rows[1]?.id).toBe(rows[0]?.id + 1)
  })

  test('lets unlisted films share a name, and a listed one be of the same name', async () => {
    await expect(database.sql`insert into films (name) values ('Film'), ('Film')`).resolves.toBeDefined()
  })

  test('erases what a user has with the user, and keeps the film', async () => {
    const { sql } = database
    const [user] = await sql`insert into users (login, password_hash) values ('leaver', 'hash') returning id`
    const id = user?.id
    await sql`insert into favourites (user_id, film_id) values (${id}, 301)`
    await sql`insert into wishlist (user_id, film_id) values (${id}, 301)`
    await sql`insert into ratings (user_id, film_id, value) values (${id}, 301, 5)`
    await sql.unsafe(session(`decode(repeat('00', 32), 'hex')`).replace('(), 1,', `(), ${id},`))
    const held = () => sql`select (select count(*) from favourites where user_id = ${id})
      + (select count(*) from wishlist where user_id = ${id}) + (select count(*) from ratings where user_id = ${id})
      + (select count(*) from sessions where user_id = ${id}) as rows`
    expect(await held()).toEqual([{ rows: '4' }])
    await sql`delete from users where id = ${id}`
    expect(await held()).toEqual([{ rows: '0' }])
    expect(await sql`select id from films where id = 301`).toHaveLength(1)
  })

  test('forgets a favourite genre that is removed', async () => {
    const { sql } = database
    const [genre] = await sql`insert into genres (name) values ('fleeting') returning id`
    await sql`update users set favorite_genre = ${genre?.id} where login = 'ann'`
    await sql`delete from genres where id = ${genre?.id}`
    expect(await sql`select favorite_genre from users where login = 'ann'`).toEqual([{ favorite_genre: null }])
  })
})

describe('An error of the database', () => {
  let url: string
  beforeAll(async () => {
    url = await cloneDatabase()
  })

  test('tells a taken name and an unknown genre by the constraint', async () => {
    await withDatabase(url, async ({ db }) => {
      await db.insert(users).values({ login: 'ann', password_hash: 'hash' })
      await db.insert(genres).values({ name: 'drama' })
      const taken = await errorOf(db.insert(genres).values({ name: 'Drama' }))
      expect(violated(taken)).toBe('genres_name_key')
      expect(meaning(taken)?.code).toBe('genre_taken')
      const unknown = await errorOf(db.update(users).set({ favorite_genre: 99 }))
      expect(meaning(unknown)?.code).toBe('genre_not_found')
      expect([taken, unknown].map(isUnavailable)).toEqual([false, false])
    })
  })

  test('that no client has caused has no meaning for one', async () => {
    await withDatabase(url, async ({ db, sql }) => {
      const errors = [
        await errorOf(db.insert(genres).values({ name: '' })),
        await errorOf(sql`select * from nothing`),
        await errorOf(sql`select 1/0`),
        new Error('genres_name_key'),
      ]
      expect(errors.map(meaning)).toEqual([undefined, undefined, undefined, undefined])
      expect(errors.map(isUnavailable)).toEqual([false, false, false, false])
    })
  })

  test('is an outage when the statement or the lock takes too long', async () => {
    await withDatabase(url, async ({ sql }) => {
      const slow = sql.begin(async (tx) => {
        await tx`set local statement_timeout = 50`
        await tx`select pg_sleep(60)`
      })
      expect(await errorOf(slow)).toMatchObject({ code: '57014' })
      const holder = await sql.reserve()
      await holder`begin`
      await holder`lock table users`
      const blocked = sql.begin(async (tx) => {
        await tx`set local lock_timeout = 50`
        await tx`select 1 from users`
      })
      const error = await errorOf(blocked)
      await holder`rollback`
      holder.release()
      expect(error).toMatchObject({ code: '55P03' })
      expect([await errorOf(slow), error].map(isUnavailable)).toEqual([true, true])
    })
  })

  test('is an outage when the connection is ended, and the pool works again afterwards', async () => {
    await withDatabase(url, async ({ db, sql }) => {
      const broken = errorOf(db.execute('select pg_sleep(60)'))
      await withDatabase(url, async (other) => {
        const end = () => other.sql`select pg_terminate_backend(pid) from pg_stat_activity
          where query = 'select pg_sleep(60)' and pid <> pg_backend_pid() and datname = current_database()`
        while ((await end()).length === 0);
      })
      expect(isUnavailable(await broken)).toBe(true)
      expect(await sql`select 1 as one`).toEqual([{ one: 1 }])
    })
  })

  test.each([
    ['nobody listens', () => `postgres://u@127.0.0.1:1/db`],
    ['the socket is gone', () => `postgres://u@localhost/db?host=/tmp/kinoteka-none`],
    ['the host has no address', () => `postgres://u@nowhere.invalid/db`],
  ])('is an outage when %s', async (_name, address) => {
    await withDatabase(address(), async ({ db, sql }) => {
      expect(isUnavailable(await errorOf(db.execute('select 1')))).toBe(true)
      expect(isUnavailable(await errorOf(sql`select 1`))).toBe(true)
    })
  })
})

test('A database of any name is reached by its encoded URL, over several hosts, by the pool and by a session alike', {
  tags: 'slow',
}, async () => {
  const server = new URL(inject('postgresUrl'))
  const name = `любая: 100% ${crypto.randomUUID()}`
  await withDatabase(server.href, ({ sql }) => sql`create database ${sql(name)}`)
  const socket = encodeURIComponent(server.searchParams.get('host') ?? '')
  const database = encodeURIComponent(name)
  for (const address of [
    `${server.username}@127.0.0.1:1,${socket}/${database}`,
    `${server.username}@${socket}/${database}`,
  ]) {
    const url = `postgres://${address}`
    const read = 'select current_database() as name'
    await withDatabase(url, async ({ sql }) => expect(await sql.unsafe(read)).toEqual([{ name }]))
    const session = await openConnection(url, { statementTimeoutMs: 1000 })
    expect(await session.query(read)).toEqual([{ name }])
    session.close()
  }
})

describe('A URL that a host of PostgreSQL prints for its pooler', () => {
  test('has parameters that are not passed on to the server', async () => {
    const url = `${await cloneDatabase()}&pgbouncer=true`
    await withDatabase(url, async ({ sql, ownsSessions }) => {
      expect(ownsSessions).toBe(false)
      await sql`select ${1}::int`
      expect(await sql`select name from pg_prepared_statements`).toEqual([])
      const [row] = await sql.begin((tx) => tx`select current_setting('lock_timeout') as limit`)
      expect(row).toEqual({ limit: '5s' })
    })
    expect(Object.keys(readAddresses(url)[0] ?? {})).toEqual(['database', 'user', 'host', 'port'])
    const connection = await openConnection(url, { statementTimeoutMs: 1_000 })
    expect(connection.ownsSession).toBe(false)
    connection.close()
  })
})

test('A COMMIT that the server answers with a rollback is an error, and a retry may help', async () => {
  const connection = await openConnection(await cloneDatabase(), { statementTimeoutMs: 1_000 })
  try {
    await connection.begin()
    await errorOf(connection.query('select 1/0'))
    expect(isUnavailable(await errorOf(connection.commit()))).toBe(true)
  } finally {
    connection.close()
  }
})
