import { asc, eq, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { paged } from '../../db/page.ts'
import { directors } from '../../db/schema/directors.ts'

const columns = {
  id: directors.id,
  name: directors.name,
  date_of_birth: directors.date_of_birth,
  photo_key: directors.photo_key,
}

export type DirectorChange = Partial<Pick<typeof directors.$inferInsert, 'name' | 'date_of_birth'>>

export function createDirectorRepository(db: Db) {
  return {
    list: (page?: number) => paged(db.select(columns).from(directors).orderBy(asc(directors.id)).$dynamic(), page),

    async find(id: number) {
      const [row] = await db.select(columns).from(directors).where(eq(directors.id, id))
      return row
    },

    async insert(director: DirectorChange & { name: string }) {
      const [row] = await db.insert(directors).values(director).returning(columns)
      return row as Director
    },

    async update(id: number, change: DirectorChange) {
      if (Object.keys(change).length === 0) return this.find(id)
      const [row] = await db.update(directors).set(change).where(eq(directors.id, id)).returning(columns)
      return row
    },

    /** The removed row, or undefined when there was no such director. */
    async remove(id: number) {
      const [row] = await db.delete(directors).where(eq(directors.id, id)).returning(columns)
      return row
    },

    /**
     * Sets the key of the photo; answers with the row and the key that it replaced, undefined for an unknown director.
     * The row is locked before it is read, so of many at once each is told the key of the one before.
     */
    async swapPhoto(id: number, key: string | null) {
      const before = db
        .select({ id: directors.id, replaced_key: sql<string | null>`${directors.photo_key}`.as('replaced_key') })
        .from(directors)
        .where(eq(directors.id, id))
        .for('update')
        .as('before')
      const [row] = await db
        .update(directors)
        .set({ photo_key: key })
        .from(before)
        .where(eq(directors.id, before.id))
        .returning({ ...columns, replaced_key: before.replaced_key })
      return row
    },
  }
}

export type DirectorRepository = ReturnType<typeof createDirectorRepository>
type Director = NonNullable<Awaited<ReturnType<DirectorRepository['find']>>>
