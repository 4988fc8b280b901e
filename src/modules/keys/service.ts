import { randomUUID } from 'node:crypto'
import { AppError, inputFault } from '../../errors.ts'
import { hashOfKey } from '../../text/api-key.ts'
import type { KeyChange, KeyRepository, NewKey } from './repository.ts'

interface KeyInput extends Pick<NewKey, 'name'> {
  scopes?: NewKey['scopes'] | undefined
  daily_limit?: number | null | undefined
  expires_at?: string | null | undefined
}

interface Dependencies {
  keys: KeyRepository
  maxKeys: number
}

export type KeyService = ReturnType<typeof createKeyService>

/** A user's own keys. */
export function createKeyService({ keys, maxKeys }: Dependencies) {
  return {
    list: keys.list,

    /** @throws {AppError} too_many_keys, invalid_input, invalid_token when the session has ended meanwhile */
    async create(user: { id: number; sessionId: string }, input: KeyInput) {
      const key = randomUUID()
      const { name, scopes = ['gateway', 'read'], daily_limit = null } = input
      const row = await keys.insert(user.id, user.sessionId, {
        ...{ name, scopes, daily_limit },
        hash: Buffer.from(hashOfKey(key), 'hex'),
        expires_at: readExpiry(input.expires_at) ?? null,
      })
      if (row === 'session ended')
        throw new AppError('invalid_token', { detail: 'The session has ended: log in again' })
      if (row === 'too many') {
        throw new AppError('too_many_keys', { detail: `There may be ${maxKeys} keys: delete one that is not used` })
      }
      return { ...row, key }
    },

    /** @throws {AppError} key_not_found, invalid_input */
    async update(userId: number, id: number, { expires_at, ...input }: Partial<KeyInput>) {
      const change: KeyChange = { ...input, expires_at: readExpiry(expires_at) }
      const row = await keys.update(id, userId, change)
      if (!row) throw notFound(id)
      return row
    },

    /** @throws {AppError} key_not_found */
    async remove(userId: number, id: number): Promise<void> {
      if (!(await keys.remove(id, userId))) throw notFound(id)
    },
  }
}

function notFound(id: number): AppError {
  return new AppError('key_not_found', { detail: `You have no key with the id ${id}` })
}

// A later one is no date of JavaScript's and PostgreSQL's alike.
const maxYear = 9999

function readExpiry(text: string | null | undefined): Date | null | undefined {
  if (text === undefined || text === null) return text
  const date = new Date(text)
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() > maxYear) {
    throw inputFault('body.expires_at', 'must be a time such as 2030-01-01T00:00:00Z')
  }
  if (date.getTime() <= Date.now()) throw inputFault('body.expires_at', 'must be in the future')
  return date
}
