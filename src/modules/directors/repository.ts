import { and, asc, eq, gt, inArray, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { type Batch, inBatches, pageOrAll } from '../../db/page.ts'
import { directors, loosePhotos } from '../../db/schema/directors.ts'
import { type Attempt, createCreationRepository } from './creation-repository.ts'

const columns = {
  id: directors.id,
  name: directors.name,
  date_of_birth: directors.date_of_birth,
  photo_key: directors.photo_key,
}

const photosAtOnce = 20

type NewDirector = DirectorChange & { name: string }

export type DirectorChange = Partial<Pick<typeof directors.$inferInsert, 'name' | 'date_of_birth'>>

export function createDirectorRepository(db: Db) {
  const { once, deleteExpiredKeys } = createCreationRepository(db)

  /** All of a name, which are found once: each batch would look for all of them again. */
  async function* listNamed(q: string): AsyncGenerator<Batch<Director>> {
    const named = await db.select({ id: directors.id }).from(directors).where(isNamed(q)).orderBy(asc(directors.id))
    for (const { items: ids, isLast } of inBatches(named.map(({ id }) => id))) {
      const some = inArray(directors.id, ids)
      yield { items: await db.select(columns).from(directors).where(some).orderBy(asc(directors.id)), isLast }
    }
  }

  return {
    deleteExpiredKeys,

    /** A page, or all in batches. */
    list: (page?: number, q?: string) =>
      page === undefined && q !== undefined
        ? listNamed(q)
        : pageOrAll<Director>(page, ({ last, limit, offset }) =>
            db
              .select(columns)
              .from(directors)
              .where(and(last && gt(directors.id, last.id), q === undefined ? undefined : isNamed(q)))
              .orderBy(asc(directors.id))
              .limit(limit)
              .offset(offset),
          ),

    async find(id: number) {
      const [row] = await db.select(columns).from(directors).where(eq(directors.id, id))
      return row
    },

    async insert(director: NewDirector) {
      const [row] = await db.insert(directors).values(director).returning(columns)
      return row as Director
    },

    /** Inserts once for a key. Else what the key was used for, or `full`. */
    insertOnce: (director: NewDirector, attempt: Attempt) =>
      once(attempt, async (tx, id) => {
        const row = { ...director, id }
        const [inserted] = await tx.insert(directors).overridingSystemValue().values(row).returning(columns)
        return inserted as Director
      }),

    async update(id: number, change: DirectorChange) {
      if (Object.keys(change).length === 0) return this.find(id)
      const [row] = await db.update(directors).set(change).where(eq(directors.id, id)).returning(columns)
      return row
    },

    /** The removed row, or undefined when there was no such director. Its photo is then orphaned. */
    remove(id: number) {
      return db.transaction(async (tx) => {
        const [row] = await tx.delete(directors).where(eq(directors.id, id)).returning(columns)
        if (row?.photo_key) await tx.insert(loosePhotos).values({ key: row.photo_key })
        return row
      })
    },

    /**
     * Sets the key of the photo, which is no longer orphaned. Returns the row and the replaced key, which now is, or
     * undefined for an unknown director. The row is locked before it is read, so of concurrent calls each gets the key
     * of the one before.
     */
    swapPhoto(id: number, key: string | null) {
      return db.transaction(async (tx) => {
        const before = tx
          .select({ id: directors.id, replaced_key: sql<string | null>`${directors.photo_key}`.as('replaced_key') })
          .from(directors)
          .where(eq(directors.id, id))
          .for('update')
          .as('before')
        const [row] = await tx
          .update(directors)
          .set({ photo_key: key })
          .from(before)
          .where(eq(directors.id, before.id))
          .returning({ ...columns, replaced_key: before.replaced_key })
        if (row && key) await tx.delete(loosePhotos).where(eq(loosePhotos.key, key))
        if (row?.replaced_key) await tx.insert(loosePhotos).values({ key: row.replaced_key })
        return row
      })
    },

    async addOrphanedPhoto(key: string): Promise<void> {
      await db.insert(loosePhotos).values({ key })
    },

    async isOrphanedPhoto(key: string): Promise<boolean> {
      const rows = await db.select().from(loosePhotos).where(eq(loosePhotos.key, key))
      return rows.length > 0
    },

    /** Some orphaned photos that no running upload can be about. Nobody gets the same ones again within the hour. */
    async takeOrphanedPhotos(): Promise<string[]> {
      const old = db
        .select({ key: loosePhotos.key })
        .from(loosePhotos)
        .where(sql`${loosePhotos.since} < now() - interval '1 hour'`)
        .limit(photosAtOnce)
        .for('update', { skipLocked: true })
      const rows = await db
        .update(loosePhotos)
        .set({ since: sql`now()` })
        .where(inArray(loosePhotos.key, old))
        .returning({ key: loosePhotos.key })
      return rows.map(({ key }) => key)
    },

    async removeOrphanedPhoto(key: string): Promise<void> {
      await db.delete(loosePhotos).where(eq(loosePhotos.key, key))
    },
  }
}

/** Found first, so that the index of words is used however few a page has. */
function isNamed(q: string) {
  const words = sql`(select btrim(film_words(${q}, null)))`
  return sql`${directors.id} = any(array(select named.id from directors named where film_words(named.name, null) like
    case when ${words} = '' then '' when length(${words}) < 3 then '% ' || ${words} || '%' else '%' || ${words} || '%' end))`
}

export type DirectorRepository = ReturnType<typeof createDirectorRepository>
type Director = Pick<typeof directors.$inferSelect, keyof typeof columns>
