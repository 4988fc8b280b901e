import { hash } from 'node:crypto'
import { inputFault } from '../../errors.ts'
import type { Sort } from './schemas.ts'

interface Place {
  key: string | number
  id: number
}

/** Opaque to clients; tied by `listing`, a text that names filters and sort, to the listing that it was made for. */
export function writeCursor(listing: string, { key, id }: Place): string {
  return Buffer.from(JSON.stringify([nameOf(listing), key, id])).toString('base64url')
}

/** @throws {AppError} invalid_input */
export function readCursor(cursor: string, listing: string, sort: Sort): Place {
  const [of, key, id] = parse(cursor)
  if (!isId(id) || !isKey(key, sort, id)) throw inputFault('query.cursor', 'is not a next_cursor')
  if (of !== nameOf(listing))
    throw inputFault('query.cursor', 'belongs to a listing with another sort or other filters')
  return { key, id }
}

function parse(cursor: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}

// A forged cursor must not send the database a value that it rejects.
function isKey(key: unknown, sort: Sort, id: number): key is string | number {
  if (sort.endsWith('name')) {
    return typeof key === 'string' && key.length <= 2000 && key.isWellFormed() && !key.includes('\0')
  }
  if (typeof key !== 'number') return false
  if (sort === 'id') return key === id
  return Math.abs(key) <= 32_767 && (sort.endsWith('rate') || Number.isInteger(key))
}

function isId(id: unknown): id is number {
  return typeof id === 'number' && Number.isInteger(id) && id > 0 && id <= 2_147_483_647
}

function nameOf(listing: string): string {
  return hash('sha256', listing, 'base64url').slice(0, 10)
}
