import { randomBytes } from 'node:crypto'
import { hash } from '@node-rs/argon2'
import { connect, type Database } from '../../src/db/connect.ts'
import type { FilmFact } from '../../src/embedded/sandbox/films.ts'
import { filmRequest, searchRequest } from '../../src/kinopoisk/endpoints.ts'

export const password = 'correct horse battery staple'
export const users = 2_000
const favourites = 30

/** Users `reader1`… with one password, the first of them an administrator. Gives the hash of the password. */
export async function seedPeople(url: string): Promise<string> {
  const options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
  const passwordHash = await hash(password, { ...options, salt: randomBytes(16) })
  await inDatabase(url, async ({ sql }) => {
    await sql`
      insert into users (login, password_hash, role)
      select 'reader' || i, ${passwordHash}, case when i = 1 then 'admin' else 'user' end
      from generate_series(1, ${users}::int) i`
  })
  return passwordHash
}

/** Two of three of a user's favourites are of Kinopoisk, the others of the catalogue. */
export async function seedFavourites(url: string): Promise<void> {
  await inDatabase(url, async ({ sql }) => {
    await sql`select setseed(0.42)`
    await sql`
      with kinopoisk as (select id, row_number() over (order by id) - 1 as n from films where kinopoisk is not null),
        ours as (select id, row_number() over (order by id) - 1 as n from films where listed),
        drawn as (
          select u.id as user_id, k, floor(random() * (select count(*) from kinopoisk)) as a,
            floor(random() * (select count(*) from ours)) as b
          from users u cross join generate_series(1, ${2 * favourites}::int) k),
        chosen as (
          select distinct on (user_id, film_id) user_id, film_id, k
          from (
            select d.user_id, coalesce(kinopoisk.id, ours.id) as film_id, d.k
            from drawn d
            left join kinopoisk on d.k % 3 > 0 and kinopoisk.n = d.a
            left join ours on d.k % 3 = 0 and ours.n = d.b) each
          order by user_id, film_id, k),
        ranked as (select *, row_number() over (partition by user_id order by k) as place from chosen)
      insert into favourites (user_id, film_id, created_at)
      select user_id, film_id, now() - place * interval '1 hour' from ranked where place <= ${favourites}`
    await sql`vacuum analyze`
  })
}

/** What a search of each of `queries` and the details of each of `films` were answered, as the service keeps it. */
export async function seedAnswers(url: string, upstream: string, films: FilmFact[], queries: string[]): Promise<void> {
  const paths = [
    ...films.map(({ id }) => filmRequest(id).path),
    ...queries.map((query) => searchRequest(query, 1).path),
  ]
  const rows: { path: string; body: string }[] = []
  await each(paths, 16, async (path) => {
    const answer = await fetch(upstream + path, { headers: { 'x-api-key': 'bench' } })
    if (!answer.ok) throw new Error(`The sandbox says ${answer.status} to ${path}`)
    rows.push({ path, body: await answer.text() })
  })
  await inDatabase(url, async ({ sql }) => {
    await sql`
      insert into kinopoisk_answers (path, status, body, fetched_at, expires_at)
      select path, 200, body, now(), now() + interval '30 days'
      from unnest(${rows.map(({ path }) => path)}::text[], ${rows.map(({ body }) => body)}::text[]) as told (path, body)`
  })
}

/** Listed films' ids in an order that is always the same and says nothing of where they lie; 200,000 at most. */
export async function sampleIds(url: string): Promise<number[]> {
  let ids: number[] = []
  await inDatabase(url, async ({ sql }) => {
    const rows = await sql<{ id: number }[]>`
      select id from films where listed order by hashint4(id) limit 200000`
    ids = rows.map(({ id }) => id)
  })
  return ids
}

export async function each<T>(items: T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const item of queue) await work(item)
    }),
  )
}

async function inDatabase(url: string, work: (database: Database) => Promise<void>): Promise<void> {
  const database = connect(url, { max: 1, deadlineMs: Number.POSITIVE_INFINITY })
  try {
    await database.sql`set statement_timeout = 0`
    await work(database)
  } finally {
    await database.close()
  }
}
