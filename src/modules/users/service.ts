import { AppError, inputFault } from '../../errors.ts'
import type { ProfileChange, UserRepository } from './repository.ts'

/** A number, the same as text, or `""`/null for none; undefined leaves it alone. */
type Untyped = number | string | null | undefined

export interface AboutInput {
  age?: Untyped
  name?: string | null | undefined
  surname?: string | null | undefined
  favorite_genre?: Untyped
  favourite_genre?: Untyped
}

export type UserService = ReturnType<typeof createUserService>

export function createUserService({ users }: { users: UserRepository }) {
  return {
    async profile(id: number) {
      const user = await users.find(id)
      if (!user) throw new AppError('invalid_token')
      return { ...user, ...splitLogin(user.login) }
    },

    async update(id: number, input: AboutInput) {
      const user = await users.update(id, readAbout(input))
      if (!user) throw new AppError('invalid_token')
      return { ...user, ...splitLogin(user.login) }
    },

    readAbout,
  }
}

/** A normalised login is an e-mail, a phone or a user name: the profile's three members. */
export function splitLogin(login: string): { email: string | null; phone: string | null; username: string | null } {
  const none = { email: null, phone: null, username: null }
  if (login.includes('@')) return { ...none, email: login }
  return login.startsWith('+') ? { ...none, phone: login } : { ...none, username: login }
}

/** The body as columns of the user; members that are absent are left out. */
function readAbout(input: AboutInput): ProfileChange {
  const american = readInteger('body.favorite_genre', input.favorite_genre, 1, 2_147_483_647)
  const british = readInteger('body.favourite_genre', input.favourite_genre, 1, 2_147_483_647)
  if (american !== undefined && british !== undefined && american !== british) {
    throw inputFault('body.favourite_genre', 'contradicts favorite_genre')
  }
  const change = {
    age: readInteger('body.age', input.age, 0, 150),
    name: input.name === '' ? null : input.name,
    surname: input.surname === '' ? null : input.surname,
    favorite_genre: american === undefined ? british : american,
  }
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
}

function readInteger(path: string, value: Untyped, min: number, max: number): number | null | undefined {
  if (value === undefined || value === null) return value
  const text = String(value).trim()
  if (text === '') return null
  const number = Number(text)
  if (!(number >= min && number <= max)) throw inputFault(path, `must be from ${min} to ${max}`)
  return number
}
