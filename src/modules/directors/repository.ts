import { asc, eq } from 'drizzle-orm'
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

    /** False when there was no such director. */
    async remove(id: number): Promise<boolean> {
      const rows = await db.delete(directors).where(eq(directors.id, id)).returning({ id: directors.id })
      return rows.length > 0
    },
  }
}

export type DirectorRepository = ReturnType<typeof createDirectorRepository>
type Director = NonNullable<Awaited<ReturnType<DirectorRepository['find']>>>
