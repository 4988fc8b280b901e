import { users } from '../../db/schema/users.ts'

/** The columns of a profile: never the hash. */
export const profileColumns = {
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
