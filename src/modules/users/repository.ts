import { eq, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { users } from '../../db/schema/users.ts'
import { profileColumns } from './profile-columns.ts'

export type ProfileChange = Partial<Pick<typeof users.$inferInsert, 'age' | 'name' | 'surname' | 'favorite_genre'>>

export function createUserRepository(db: Db) {
  return {
    async find(id: number) {
      const [row] = await db.select(profileColumns).from(users).where(eq(users.id, id))
      return row
    },
    async update(id: number, change: ProfileChange) {
      const [row] = await db
        .update(users)
        .set({ ...change, updated_at: sql`now()` })
        .where(eq(users.id, id))
        .returning(profileColumns)
      return row
    },
  }
}

export type UserRepository = ReturnType<typeof createUserRepository>
