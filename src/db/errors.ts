import { DrizzleQueryError } from 'drizzle-orm/errors'

/** The fields of a PostgreSQL or connection error that are read here. */
interface DriverError {
  code?: string
  constraint_name?: string
}

/** The driver's error inside of what has been wrapped around it: Drizzle's, and our own. */
export function driverError(error: unknown): DriverError & Error {
  let inner = error
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause
  return inner as DriverError & Error
}

/** True for an error of a query, wrapped or not. Its messages may hold values of the statement. */
export function isQueryError(error: unknown): boolean {
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    if (inner instanceof DrizzleQueryError || 'query' in inner) return true
  }
  return false
}

/**
 * The printable part of a query's error: Drizzle's message, and PostgreSQL's detail and class 22 messages contain
 * values.
 */
export function withoutValues(error: unknown) {
  const { name: type, message, code, constraint_name: constraint } = driverError(error)
  const frames = framesOf(error)
  if (code?.startsWith('22')) return { type, message: 'a value does not fit', code, stack: frames }
  return { type, message, code, constraint, stack: `${type}: ${message}\n${frames}` }
}

/** Where our code ran the query, which the outermost error knows; the driver's own frames are of the socket. */
function framesOf(error: unknown): string {
  return ((error as Error).stack ?? '').match(/^ {4}at .*$/gm)?.join('\n') ?? ''
}

/** The name of the constraint that a statement broke, or undefined for any other error. */
export function violated(error: unknown): string | undefined {
  const { code, constraint_name } = driverError(error)
  return String(code).startsWith('23') ? constraint_name : undefined
}

// SQLSTATE classes 08 (connection), 53 (resources), 57P0x (shutdown), 55000 and 3D000 (the database takes no connections, or
// is being renamed), 25006 (read-only: a standby), 40 (serialisation, deadlock), 55P03 and 57014 (lock or statement timeout),
// and the driver's own connection errors.
const unavailable =
  /^(08...|53...|57P0.|57014|40000|55000|3D000|55P03|25006|40001|40P01|CONNECTION_\w+|CONNECT_TIMEOUT|ECONN\w+|EPIPE|ENOENT|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH)$/

/** True when the database is unavailable for now: 503. */
export function isUnavailable(error: unknown): boolean {
  return isQueryError(error) && unavailable.test(driverError(error).code ?? '')
}

/** True for a statement that took longer than it may. */
export function isCanceled(error: unknown): boolean {
  return isQueryError(error) && driverError(error).code === '57014'
}

/** What a broken constraint means to a client: a code of errors.ts, and what to change. */
const meanings = {
  users_favorite_genre_genres_id_fk: { code: 'genre_not_found', detail: 'favorite_genre is not the id of a genre' },
  // The account was erased while its request ran.
  favourites_user_id_users_id_fk: { code: 'invalid_token', detail: 'The account is gone' },
  wishlist_user_id_users_id_fk: { code: 'invalid_token', detail: 'The account is gone' },
  ratings_user_id_users_id_fk: { code: 'invalid_token', detail: 'The account is gone' },
  idempotency_keys_user_id_users_id_fk: { code: 'invalid_token', detail: 'The account is gone' },
  films_listed_name_key: { code: 'film_exists', detail: 'A film of this name is in the catalogue already' },
  genres_name_key: { code: 'genre_taken', detail: 'There is a genre of this name already' },
  film_genres_genre_id_genres_id_fk: { code: 'genre_in_use', detail: 'Films have this genre: change them first' },
  films_director_id_directors_id_fk: { code: 'director_in_use', detail: 'Films have this director: change them first' },
  // A film can be deleted just when a user adds it to a list.
  favourites_film_id_films_id_fk: { code: 'movie_not_found', detail: 'The movie has just been removed' },
  wishlist_film_id_films_id_fk: { code: 'movie_not_found', detail: 'The movie has just been removed' },
} as const satisfies Record<string, { code: string; detail: string }>

/** The client's side of a broken constraint, or undefined when the fault is not the client's. */
export function meaning(error: unknown) {
  const name = violated(error)
  return name !== undefined && name in meanings ? meanings[name as keyof typeof meanings] : undefined
}
