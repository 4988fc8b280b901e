import { eq, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { films } from '../../db/schema/films.ts'
import { favourites } from '../../db/schema/lists.ts'
import { pictures } from '../../db/schema/pictures.ts'

/** A picture that was fetched. */
export interface FetchedPicture {
  filmId: number
  source: string
  contentHash: string
  bytes: number
}

export type PictureRepository = ReturnType<typeof createPictureRepository>
export type FilmPicture = NonNullable<Awaited<ReturnType<PictureRepository['find']>>>

const columns = {
  id: films.id,
  title: films.name,
  year: films.year,
  url: films.poster_url,
  listed: films.listed,
  source: pictures.source,
  content_hash: pictures.content_hash,
  reason: pictures.reason,
  /** For how long it is not fetched again. */
  retry_in: sql<number>`coalesce(extract(epoch from ${pictures.retry_at} - now()), 0)::float8`,
  is_unused: sql<boolean>`coalesce(${pictures.used_at} < now() - interval '1 hour', false)`,
}
const evictedAtOnce = 20
export const warmedAtOnce = 200

export function createPictureRepository(db: Db) {
  const byId = db
    .select(columns)
    .from(films)
    .leftJoin(pictures, eq(pictures.film_id, films.id))
    .where(eq(films.id, sql.placeholder('id')))
    .prepare('picture_of_film')

  return {
    /** The film, and what is kept of its picture. */
    async find(id: number) {
      const [row] = await byId.execute({ id })
      return row
    },

    async save({ filmId, source, contentHash, bytes }: FetchedPicture): Promise<void> {
      const kept = { source, content_hash: contentHash, bytes, reason: null, failures: 0, retry_at: null }
      const used_at = sql`now()`
      await db
        .insert(pictures)
        .values({ film_id: filmId, ...kept, used_at })
        .onConflictDoUpdate({ target: pictures.film_id, set: { ...kept, used_at } })
    },

    /** Nothing is kept; not fetched again for `firstSeconds`, and for twice as long each time that it fails again. */
    async saveFailure(
      { filmId, source, contentHash }: Omit<FetchedPicture, 'bytes' | 'contentHash'> & { contentHash: string | null },
      reason: string,
      { firstSeconds, maxSeconds }: { firstSeconds: number; maxSeconds: number },
    ): Promise<void> {
      const failures = sql`case when pictures.source = excluded.source and pictures.reason is not null
        then least(pictures.failures + 1, 20) else 1 end`
      const after = (times: ReturnType<typeof sql>) =>
        sql`now() + least(${maxSeconds}, ${firstSeconds} * power(2, ${times} - 1)) * interval '1 second'`
      await db
        .insert(pictures)
        .values({
          film_id: filmId,
          ...{ source, content_hash: contentHash, reason, failures: 1, bytes: 0 },
          retry_at: after(sql`1`),
        })
        .onConflictDoUpdate({
          target: pictures.film_id,
          set: { source, content_hash: contentHash, reason, failures, bytes: 0, retry_at: after(failures) },
        })
    },

    async touch(filmId: number): Promise<void> {
      await db.update(pictures).set({ used_at: sql`now()` }).where(eq(pictures.film_id, filmId))
    },

    /** How many other films have had the same bytes. */
    async countSame(contentHash: string, filmId: number): Promise<number> {
      const rows = await db.execute<{ n: number }>(sql`
        select count(*)::int as n from (select from ${pictures}
          where content_hash = ${contentHash} and film_id <> ${filmId} limit 100) few`)
      return rows[0]?.n ?? 0
    },

    /** Those that are kept with these bytes; they are no picture of their film. */
    async dropSame(contentHash: string, reason: string): Promise<{ film_id: number; content_hash: string | null }[]> {
      return db
        .update(pictures)
        .set({ reason, bytes: 0, failures: 1, retry_at: sql`now() + interval '30 days'` })
        .where(sql`${pictures.content_hash} = ${contentHash} and ${pictures.reason} is null`)
        .returning({ film_id: pictures.film_id, content_hash: pictures.content_hash })
    },

    async totalBytes(): Promise<number> {
      const rows = await db.execute<{ n: number }>(sql`select coalesce(sum(bytes), 0)::float8 as n from ${pictures}`)
      return rows[0]?.n ?? 0
    },

    /** Some that are kept, the least recently used first. */
    async findUnused(): Promise<{ film_id: number; content_hash: string | null; bytes: number }[]> {
      return db
        .select({ film_id: pictures.film_id, content_hash: pictures.content_hash, bytes: pictures.bytes })
        .from(pictures)
        .where(sql`${pictures.bytes} > 0`)
        .orderBy(pictures.used_at, pictures.film_id)
        .limit(evictedAtOnce)
    },

    async remove(filmId: number, contentHash: string | null): Promise<void> {
      const isSame = sql`${pictures.content_hash} is not distinct from ${contentHash}`
      await db.delete(pictures).where(sql`${eq(pictures.film_id, filmId)} and ${isSame}`)
    },

    /** Some whose film is gone, or has no picture any more. */
    async findOrphaned(): Promise<{ film_id: number; content_hash: string | null }[]> {
      return db
        .select({ film_id: pictures.film_id, content_hash: pictures.content_hash })
        .from(pictures)
        .where(
          sql`not exists (select from ${films} where ${films.id} = ${pictures.film_id} and ${films.poster_url} is not null)`,
        )
        .limit(evictedAtOnce)
    },

    /** Failures that nobody has asked about again for a month. */
    async deleteOldFailures(): Promise<void> {
      await db.delete(pictures).where(sql`${pictures.bytes} = 0 and ${pictures.retry_at} < now() - interval '30 days'`)
    },

    /** The next favourites by id, and whether a picture was never fetched or may be fetched again. */
    async findFavourites(afterId: number): Promise<{ id: number; is_cold: boolean }[]> {
      return db.execute<{ id: number; is_cold: boolean }>(sql`
        select favourite.film_id as id, coalesce(films.poster_url like 'https://%', false)
          and (pictures.film_id is null or pictures.bytes = 0 and pictures.retry_at < now()) as is_cold
        from (select distinct film_id from ${favourites} where film_id > ${afterId} order by film_id limit ${warmedAtOnce}) favourite
        join ${films} on films.id = favourite.film_id
        left join ${pictures} on pictures.film_id = favourite.film_id
        order by favourite.film_id`)
    },
  }
}
