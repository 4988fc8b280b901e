/**
 * Whom an operation lets in. `open`: everyone. `reader`: every user; everyone where the catalogue is public. `user`: every
 * user, to what is the user's own. `admin`: administrators.
 */
export type Access = 'open' | 'reader' | 'user' | 'admin'

/** Every operation of the service. One that is not here fails test/authorisation.test.ts. */
export const access: Record<string, Access> = {
  'GET /livez': 'open',
  'GET /readyz': 'open',
  'GET /metrics': 'open',
  'GET /problems/{code}': 'open',

  'POST /auth/register': 'open',
  'POST /register': 'open',
  'POST /auth/login': 'open',
  'POST /login': 'open',
  'PUT /auth/login': 'open',
  'POST /auth/reset': 'open',
  'POST /auth/logout': 'user',
  'POST /logout': 'user',
  'GET /auth/sessions': 'user',
  'DELETE /auth/sessions': 'user',
  'DELETE /auth/sessions/{id}': 'user',
  'PUT /user/password': 'user',

  'GET /user': 'user',
  'PATCH /user': 'user',
  'DELETE /user': 'user',
  'GET /profile': 'user',
  'PATCH /profile': 'user',
  'GET /user/export': 'user',
  'GET /user/usage': 'user',
  'GET /user/stats': 'user',
  'GET /user/keys': 'user',
  'POST /user/keys': 'user',
  'PATCH /user/keys/{id}': 'user',
  'DELETE /user/keys/{id}': 'user',
  'GET /users': 'admin',
  'GET /admin/usage': 'admin',
  'GET /admin/kinopoisk': 'admin',
  'POST /admin/kinopoisk/films/{id}/refresh': 'admin',
  'DELETE /admin/kinopoisk/films/{id}': 'admin',
  'PATCH /users/{id}': 'admin',
  'POST /users/{id}/password-reset': 'admin',

  'GET /suggest': 'reader',

  'GET /films': 'reader',
  'GET /films/facets': 'reader',
  'GET /films/random': 'reader',
  'GET /films/{id}': 'reader',
  'GET /films/{id}/poster': 'user',
  'GET /films/export.csv': 'reader',
  'POST /films': 'admin',
  'PATCH /films/{id}': 'admin',
  'DELETE /films/{id}': 'admin',
  'POST /films/import': 'admin',

  'GET /genres': 'reader',
  'GET /genres/{id}': 'reader',
  'POST /genres': 'admin',
  'PATCH /genres/{id}': 'admin',
  'DELETE /genres/{id}': 'admin',

  'GET /directors': 'reader',
  'GET /directors/{id}': 'reader',
  'GET /directors/{id}/photo': 'reader',
  'POST /directors': 'admin',
  'PATCH /directors/{id}': 'admin',
  'DELETE /directors/{id}': 'admin',
  'PUT /directors/{id}/photo': 'admin',
  'DELETE /directors/{id}/photo': 'admin',

  'GET /movies': 'reader',
  'GET /movies/{id}': 'reader',
  'GET /movies/search': 'user',
  'GET /movies/{id}/seasons': 'user',
  'GET /movies/{id}/staff': 'user',
  'GET /movies/{id}/images': 'user',
  'GET /movies/{id}/similars': 'user',
  'GET /movies/{id}/sequels': 'user',
  'GET /movies/{id}/facts': 'user',
  'GET /movies/{id}/reviews': 'user',
  'GET /movies/{id}/videos': 'user',
  'GET /movies/premieres': 'user',
  'GET /movies/collections': 'user',
  'GET /people/{id}': 'user',

  'GET /movies/favorites': 'user',
  'POST /movies/favorites': 'user',
  'GET /movies/favorites/{id}': 'user',
  'POST /movies/favorites/{id}': 'user',
  'DELETE /movies/favorites/{id}': 'user',
  'GET /favorites/movies': 'user',
  'POST /favorites/movies': 'user',
  'GET /favorites/movies/{id}': 'user',
  'POST /favorites/movies/{id}': 'user',
  'DELETE /favorites/movies/{id}': 'user',
  'GET /movies/wishlist': 'user',
  'POST /movies/wishlist': 'user',
  'GET /movies/wishlist/{id}': 'user',
  'POST /movies/wishlist/{id}': 'user',
  'DELETE /movies/wishlist/{id}': 'user',
  'GET /wishlist/movies': 'user',
  'POST /wishlist/movies': 'user',
  'GET /wishlist/movies/{id}': 'user',
  'POST /wishlist/movies/{id}': 'user',
  'DELETE /wishlist/movies/{id}': 'user',
  'GET /user/lists.csv': 'user',
  'POST /user/lists/import': 'user',

  'GET /ratings': 'user',
  'GET /films/{id}/rating': 'user',
  'PUT /films/{id}/rating': 'user',
  'DELETE /films/{id}/rating': 'user',
}

/** What of these a personal key opens, if its scope is the one named; all else no key opens. `GET` is opened by `read` too. */
export function scopeOf(title: string): 'read' | 'lists' | undefined {
  const level = access[title]
  if (level === 'open' || level === 'admin' || level === undefined) return undefined
  if (/\/(keys|sessions|logout|password|user\/export)\b/.test(title)) return undefined
  if (title.startsWith('GET ')) return 'read'
  return /favorites|wishlist|rating|lists\/import/.test(title) ? 'lists' : undefined
}

/** Operations that may end the session, the password or the account of who asks: not for a user that is needed later. */
export function isFarewell(title: string): boolean {
  return /logout|password|sessions|^DELETE \/user$/.test(title)
}

/** Members of a body that a client has no say in, with values that would be found again. */
export const intruders = {
  id: 1_777_777_777,
  user_id: 1_777_777_777,
  created_at: '1999-01-02T03:04:05Z',
  updated_at: '1999-01-02T03:04:05Z',
  password_hash: 'an-intruding-hash',
  refresh_hash: 'an-intruding-hash',
  kinopoisk_synced_at: '1999-01-02T03:04:05Z',
  user_votes: 1_777_777_777,
  rate_sum: 1_777_777_777,
  votes: 1_777_777_777,
  photo_key: 'an-intruding-hash',
  listed: false,
  role: 'admin',
  blocked: true,
  daily_limit: -1,
}

/** Which of them an operation takes nevertheless: the change of an account, and a film by any of its three names. */
export const welcome: Record<string, (keyof typeof intruders)[]> = {
  'PATCH /users/{id}': ['role', 'blocked', 'daily_limit'],
  'POST /user/keys': ['daily_limit'],
  'PATCH /user/keys/{id}': ['daily_limit'],
  'POST /movies/favorites': ['id'],
  'POST /favorites/movies': ['id'],
  'POST /movies/wishlist': ['id'],
  'POST /wishlist/movies': ['id'],
}
