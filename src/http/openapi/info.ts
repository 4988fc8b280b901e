import { aliasTag } from './document.ts'

// In the order in which a newcomer needs them.
const tags = [
  { name: 'auth', description: 'Accounts: register, log in, refresh, log out' },
  { name: 'movies', description: 'Films by Kinopoisk id or own id, the search, and what Kinopoisk has beside them' },
  { name: 'suggestions', description: 'Films whose titles begin as somebody types' },
  { name: 'lists', description: 'Favourites and wishlist; these and the ratings out and in' },
  { name: 'ratings', description: "The user's own scores of films" },
  { name: 'films', description: 'The catalogue: filtered, sorted, changed by administrators, out and in as CSV' },
  { name: 'genres', description: 'Genres of the catalogue' },
  { name: 'directors', description: 'Directors of the catalogue, and their photos' },
  { name: 'people', description: 'People as Kinopoisk knows them' },
  { name: 'users', description: "The user's own profile and account; for administrators, those of others" },
  { name: 'keys', description: 'Personal keys, for programs' },
  { name: 'usage', description: 'What users and keys have spent of the Kinopoisk quota' },
]
const compatible = { name: 'compatible', description: "Kinopoisk's own addresses, for clients of its API" }
const last = [
  { name: 'admin', description: 'What operators ask of the gateway to Kinopoisk' },
  { name: 'service', description: 'Health, metrics and the kinds of problems' },
  aliasTag,
]

/** The tags in reading order. */
export function tagsOf({ isCompatible }: { isCompatible: boolean }) {
  return [...tags, ...(isCompatible ? [compatible] : []), ...last]
}

const description = `A film catalogue, personal lists and a quota-wise gateway to the unofficial Kinopoisk API.

### First steps

1. Register: \`POST /auth/register\` with \`{"login": "ann@example.org", "password": "correct horse battery"}\`.
2. Log in: \`POST /auth/login\` with the same body. The answer holds an access token, good for \`expires_in\` seconds, and a refresh token.
3. Send \`Authorization: Bearer <access_token>\` with every other request. On 401 with the code \`invalid_token\`, send the refresh token to \`PUT /auth/login\` for a new pair, once.
4. Search: \`GET /movies/search?query=матрица\`. Keep a movie: \`POST /movies/favorites\` with \`{"kinopoisk_id": 301}\`.

Programs that run for long take a personal key instead: \`POST /user/keys\`, then \`X-API-KEY: <key>\`.

### Which films

\`/movies\` knows every film of Kinopoisk and of this service: use it to search, show and keep films. \`/films\` is the catalogue that administrators curate: use it to filter, sort, change and export. Both have the same ids.

### Errors

Every status of 400 and above is a problem (RFC 9457, \`application/problem+json\`). Programs branch on \`code\`, people read \`detail\`. Every address answers 405 with \`Allow\` to a method that it does not take, 431 to headers above 16 KiB, and 408 to a request that does not come in time. \`X-Request-Id\` in every answer names the request in the log.

### Conventions

Times are ISO 8601 in UTC, ids are integers, null means unknown. An unknown query parameter is 400, an unknown member of a body is ignored. Answers of 1 kB and more are compressed for whoever accepts \`br\` or \`gzip\`.`

/** What the document says of the service. `contact` is `mailto:` or `https:`. */
export function infoOf(version: string, contact?: string) {
  return {
    title: 'Kinoteka',
    summary: 'A film catalogue, personal lists, and Kinopoisk within its quota',
    version,
    description,
    license: { name: 'MIT', identifier: 'MIT' },
    contact: { name: 'Whoever runs this service', ...readContact(contact) },
  }
}

function readContact(contact: string | undefined) {
  if (!contact) return {}
  return contact.startsWith('mailto:') ? { email: contact.slice('mailto:'.length) } : { url: contact }
}
