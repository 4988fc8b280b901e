import type { FastifyInstance } from 'fastify'
import { as, type TestUser } from './app.ts'
import { filmFact } from './movies.ts'
import { films as known } from './supplements.ts'

/** Films for the sandbox; two of them with an IMDb id. */
export const films = [
  ...known.map((film) => (film.id === 301 ? { ...film, imdb_id: 'tt0133093' } : film)),
  filmFact({ id: 435, name_ru: 'Зелёная миля', imdb_id: 'tt0120689', year: 1999, minutes: 189, rating: 9.1 }),
]

/** Every address of upstream's that is served, with an example. */
export const addresses = [
  '/api/v2.2/films/301',
  '/api/v2.1/films/search-by-keyword?keyword=%D0%BC%D0%B0%D1%82%D1%80%D0%B8%D1%86%D0%B0&page=1',
  '/api/v1/staff?filmId=301',
  '/api/v2.2/films?imdbId=tt0133093',
  '/api/v2.2/films?order=RATING&type=ALL&ratingFrom=8&yearFrom=1999&yearTo=1999&page=1',
  '/api/v2.2/films/310/seasons',
  '/api/v2.2/films/301/images?type=STILL&page=1',
  '/api/v2.2/films/301/similars',
  '/api/v2.1/films/301/sequels_and_prequels',
  '/api/v2.2/films/301/facts',
  '/api/v2.2/films/301/reviews?order=DATE_DESC&page=1',
  '/api/v2.2/films/301/videos',
  '/api/v2.2/films/301/distributions',
  '/api/v2.2/films/301/box_office',
  '/api/v2.2/films/301/awards',
  '/api/v2.2/films/301/external_sources?page=1',
  '/api/v2.2/films/premieres?year=1999&month=FEBRUARY',
  '/api/v2.2/films/collections?type=TOP_250_MOVIES&page=1',
  '/api/v2.2/films/filters',
  '/api/v2.1/films/releases?year=1999&month=FEBRUARY&page=1',
  '/api/v1/staff/23330',
  '/api/v1/persons?name=%D0%B2%D0%B0%D1%87%D0%BE%D0%B2%D1%81%D0%BA%D0%B8&page=1',
  '/api/v1/kp_users/987654/votes?page=1',
  '/api/v1/media_posts?page=1',
]

/** A personal key of the user, by the API. */
export async function makeKey(app: FastifyInstance, user: TestUser, fields: object = {}): Promise<string> {
  const payload = { name: 'a client', scopes: ['gateway'], ...fields }
  const response = await as(app, user)({ method: 'POST', url: '/user/keys', payload })
  if (response.statusCode !== 201) throw new Error(response.body)
  return response.json().key
}

/** A client with a key, as those of upstream ask. */
export function client(app: FastifyInstance, key: string, headers: Record<string, string> = {}) {
  return (url: string) => app.inject({ method: 'GET', url, headers: { 'x-api-key': key, ...headers } })
}
