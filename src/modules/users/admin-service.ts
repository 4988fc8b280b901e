import { AppError } from '../../errors.ts'
import type { AccountChange, UserAdminRepository } from './admin-repository.ts'
import { splitLogin } from './service.ts'

export type UserAdminService = ReturnType<typeof createUserAdminService>

export function createUserAdminService({ accounts }: { accounts: UserAdminRepository }) {
  return {
    async list({ q, limit, page }: { q?: string | undefined; limit: number; page: number }) {
      const [total, rows] = await Promise.all([accounts.count(q), accounts.list(q, limit, (page - 1) * limit)])
      return { items: rows.map(toAccount), total, limit, page, pages: Math.ceil(total / limit) }
    },

    /** @throws {AppError} user_not_found, last_admin */
    async change(id: number, change: AccountChange) {
      const changed = await accounts.change(id, change)
      if (changed === 'no user') throw new AppError('user_not_found', { detail: `There is no user with the id ${id}` })
      if (changed === 'last admin') throw lastAdmin()
      return toAccount(changed)
    },
  }
}

export function lastAdmin(): AppError {
  return new AppError('last_admin', { detail: 'Nobody else is an administrator: make somebody one first' })
}

function toAccount<T extends { login: string }>(user: T) {
  return { ...user, ...splitLogin(user.login) }
}
