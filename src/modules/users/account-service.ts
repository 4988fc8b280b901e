import { AppError } from '../../errors.ts'
import type { AccountRepository } from './account-repository.ts'
import { lastAdmin } from './admin-service.ts'
import type { UserService } from './service.ts'

type ListName = 'favorites' | 'wishlist' | 'ratings'

/** A film in a list: ISO times; score and time of its change where the list has them. */
export type KeptFilm = {
  film_id: number
  title: string
  original_title: string | null
  year: number | null
  rating: number | null
  added_at: string
  updated_at: string | null
}

interface Dependencies {
  users: Pick<UserService, 'profile'>
  accounts: AccountRepository
  /** The rows of a list, newest first. */
  kept(userId: number, list: ListName): AsyncIterable<KeptFilm>
  findPasswordHash(userId: number): Promise<{ password_hash: string } | undefined>
  verifyPassword(password: string, hash: string): Promise<boolean>
}

export type AccountService = ReturnType<typeof createAccountService>

const pageSize = 1000

/** What belongs to the account as a whole. */
export function createAccountService({ users, accounts, kept, findPasswordHash, verifyPassword }: Dependencies) {
  async function* sessions(userId: number) {
    let after: string | undefined
    do {
      const page = await accounts.findSessions(userId, pageSize, after)
      yield* page
      after = page.length === pageSize ? page.at(-1)?.id : undefined
    } while (after)
  }

  return {
    /** Everything held about the user: the profile, and the lists as they are read, a page of rows at a time. */
    async collect(userId: number) {
      return {
        profile: await users.profile(userId),
        lists: {
          sessions: sessions(userId),
          favorites: kept(userId, 'favorites'),
          wishlist: kept(userId, 'wishlist'),
          ratings: kept(userId, 'ratings'),
        },
      }
    },

    /** @throws {AppError} wrong_password, last_admin */
    async erase(user: { id: number; role: 'user' | 'admin'; sessionId: string }, password: string): Promise<void> {
      const known = await findPasswordHash(user.id)
      if (!known || !(await verifyPassword(password, known.password_hash))) throw wrongPassword()
      const outcome = await accounts.erase(user, known.password_hash)
      if (outcome === 'last admin') throw lastAdmin()
      if (outcome === 'changed') throw wrongPassword()
    },
  }
}

function wrongPassword(): AppError {
  return new AppError('wrong_password', {
    errors: [{ path: 'body.password', message: 'is not the present password' }],
  })
}
