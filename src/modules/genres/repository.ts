import { asc, eq, gt } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { pageOrAll } from '../../db/page.ts'
import { genres } from '../../db/schema/genres.ts'

export function createGenreRepository(db: Db) {
  return {
    /** A page, or all in batches. */
    list: (page?: number) =>
      pageOrAll<typeof genres.$inferSelect>(page, ({ last, limit, offset }) =>
        db
          .select()
          .from(genres)
          .where(last && gt(genres.id, last.id))
          .orderBy(asc(genres.id))
          .limit(limit)
          .offset(offset),
      ),

    async find(id: number) {
      const [row] = await db.select().from(genres).where(eq(genres.id, id))
      return row
    },

    async insert(name: string) {
      const [row] = await db.insert(genres).values({ name }).returning()
      return row as typeof genres.$inferSelect
    },

    async rename(id: number, name: string) {
      const [row] = await db.update(genres).set({ name }).where(eq(genres.id, id)).returning()
      return row
    },

    /** False when there was no such genre. */
    async remove(id: number): Promise<boolean> {
      const rows = await db.delete(genres).where(eq(genres.id, id)).returning({ id: genres.id })
      return rows.length > 0
    },
  }
}

export type GenreRepository = ReturnType<typeof createGenreRepository>
