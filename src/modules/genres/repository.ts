import { asc, eq } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { paged } from '../../db/page.ts'
import { genres } from '../../db/schema/genres.ts'

export function createGenreRepository(db: Db) {
  return {
    list: (page?: number) => paged(db.select().from(genres).orderBy(asc(genres.id)).$dynamic(), page),

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
