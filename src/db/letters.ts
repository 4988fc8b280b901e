import type postgres from 'postgres'
import type { Database } from './connect.ts'
import { DatabaseRefusal } from './refusal.ts'

const advice =
  `searches by Cyrillic names would find nothing. Make it anew: CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8' ` +
  `LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'; docs/configuration.md says how to move one that is in use`

/** Before the first migration, which could not even be sent to it. */
export async function requireUnicode(tx: postgres.TransactionSql): Promise<void> {
  const [database] = await tx`select getdatabaseencoding() as encoding, current_database() as name`
  if (database?.encoding === 'UTF8') return
  throw new DatabaseRefusal(
    `The database ${database?.name} has the encoding ${database?.encoding}, not UTF8: ${advice}`,
  )
}

/**
 * Says so where the database does not take Cyrillic for letters, as in the locale C: then every search by such a name
 * finds nothing, without an error. Found out by what it does: upper and lower case, letters, and trigrams each go by
 * another setting (the collation's provider, LC_CTYPE). In Turkish the small letter of I is ı, which names here do not expect.
 * Undefined when all is well. Needs the extension pg_trgm.
 */
export async function findUnknownLetters(tx: postgres.TransactionSql): Promise<string | undefined> {
  const [found] = await tx`
    select datname as name, datctype as ctype, lower('МАТРИЦА їжак I') = 'матрица їжак i' and 'я' ~ '[[:alnum:]]'
      and similarity(' матрица ', 'Матрица') > 0.9 as knows
    from pg_database where datname = current_database()`
  if (found?.knows === true) return undefined
  return `The database ${found?.name} has the LC_CTYPE ${found?.ctype}, which does not know the letters of the films' names: ${advice}`
}

/** What is wrong with the letters of a database, also of one without tables; it stays as it is. */
export async function readLetters({ sql }: Pick<Database, 'sql'>): Promise<string | undefined> {
  let fault: string | undefined
  const undone = new Error('what was made for the test is rolled back')
  await sql
    .begin(async (tx) => {
      await requireUnicode(tx)
      await tx`create extension if not exists pg_trgm`
      fault = await findUnknownLetters(tx)
      throw undone
    })
    .catch((error) => {
      if (error instanceof DatabaseRefusal) fault = error.message
      else if (error !== undone) throw error
    })
  return fault
}
