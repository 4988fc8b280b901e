/**
 * The endpoints about films and people, and what all paths of each have in common: a path without its values. It names
 * the endpoint of a stored response, so that a name behind the `?` is always the first one of its query.
 */
export const pathForms = {
  film: '/api/v2.2/films/{id}',
  list: '/api/v2.2/films?order',
  imdb: '/api/v2.2/films?imdbId',
  search: '/api/v2.1/films/search-by-keyword?keyword',
  staff: '/api/v1/staff?filmId',
  votes: '/api/v1/kp_users/{id}/votes?page',
  seasons: '/api/v2.2/films/{id}/seasons',
  images: '/api/v2.2/films/{id}/images?type',
  similars: '/api/v2.2/films/{id}/similars',
  sequels: '/api/v2.1/films/{id}/sequels_and_prequels',
  facts: '/api/v2.2/films/{id}/facts',
  reviews: '/api/v2.2/films/{id}/reviews?order',
  videos: '/api/v2.2/films/{id}/videos',
  person: '/api/v1/staff/{id}',
  premieres: '/api/v2.2/films/premieres?year',
  collections: '/api/v2.2/films/collections?type',
  distributions: '/api/v2.2/films/{id}/distributions',
  box_office: '/api/v2.2/films/{id}/box_office',
  awards: '/api/v2.2/films/{id}/awards',
  external_sources: '/api/v2.2/films/{id}/external_sources?page',
  filters: '/api/v2.2/films/filters',
  releases: '/api/v2.1/films/releases?year',
  persons: '/api/v1/persons?name',
  media_posts: '/api/v1/media_posts?page',
} as const

export type DataEndpoint = keyof typeof pathForms

/** The path that an endpoint has for one id, and for the values of its query, in their order. */
export function pathOf(endpoint: DataEndpoint, { id, ...query }: { id?: number } & Record<string, string | number>) {
  const [path = ''] = pathForms[endpoint].replace('{id}', String(id)).split('?')
  const values = Object.entries(query).map(([name, value]) => [name, String(value)])
  return values.length > 0 ? `${path}?${new URLSearchParams(values)}` : path
}
