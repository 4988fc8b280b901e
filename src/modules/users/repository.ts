import { eq, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { users } from '../../db/schema/users.ts'

export type ProfileChange = Partial<Pick<typeof users.$inferInsert, 'age' | 'name' | 'surname' | 'favorite_genre'>>

export const profile = {
  id: users.id,
  login: users.login,
  age: users.age,
  name: users.name,
  surname: users.surname,
  favorite_genre: users.favorite_genre,
  favourite_genre: users.favorite_genre,
  role: users.role,
  created_at: users.created_at,
}

export function createUserRepository(db: Db) {
  return {
    async find(id: number) {
      const [row] = await db.select(profile).from(users).where(eq(users.id, id))
      return row
    },
    async update(id: number, change: ProfileChange) {
      const [row] = await db
        .update(users)
        .set({ ...change, updated_at: sql`now()` })
        .where(eq(users.id, id))
        .returning(profile)
      return row
    },
  }
}

export type UserRepository = ReturnType<typeof createUserRepository>
