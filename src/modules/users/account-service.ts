import { AppError } from '../../errors.ts'
import type { AccountRepository } from './account-repository.ts'
import { lastAdmin } from './admin-service.ts'
import type { UserService } from './service.ts'

type ListName = 'favorites' | 'wishlist' | 'ratings'

/** A film in a list: ISO times; score and time of its change where the list has them. */
export type ListedFilm = {
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
  listRows(userId: number, list: ListName): AsyncIterable<ListedFilm>
  /** @throws {AppError} wrong_password, too_many_requests */
  confirmPassword(userId: number, given: { path: string; value: string }): Promise<{ password_hash: string }>
}

export type AccountService = ReturnType<typeof createAccountService>

/** What belongs to the account as a whole. */
export function createAccountService({ users, accounts, listRows, confirmPassword }: Dependencies) {
  return {
    /** Everything held about the user: the profile, and the lists as they are read. */
    async collect(userId: number) {
      return {
        profile: await users.profile(userId),
        lists: {
          sessions: accounts.sessions(userId),
          networks: accounts.networks(userId),
          keys: accounts.keys(userId),
          kinopoisk_calls: accounts.calls(userId),
          kinopoisk_results: accounts.results(userId),
          favorites: listRows(userId, 'favorites'),
          wishlist: listRows(userId, 'wishlist'),
          ratings: listRows(userId, 'ratings'),
        },
      }
    },

    /** @throws {AppError} wrong_password, too_many_requests, last_admin */
    async erase(user: { id: number; role: 'user' | 'admin'; sessionId: string }, password: string): Promise<void> {
      const { password_hash } = await confirmPassword(user.id, { path: 'body.password', value: password })
      const outcome = await accounts.erase(user, password_hash)
      if (outcome === 'last admin') throw lastAdmin()
      if (outcome === 'changed') {
        throw new AppError('invalid_token', {
          detail: 'The account or the session has changed meanwhile: log in again',
        })
      }
    },
  }
}
