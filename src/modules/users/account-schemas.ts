import { Type } from '@sinclair/typebox'
import { CountOf, IdOf, Line, Nullable, TimeOf, YearOf } from '../../http/schemas.ts'
import { Profile } from './schemas.ts'

const time = '2026-11-20T10:00:00.000Z'

export const ExportedSession = Type.Object(
  {
    id: Type.String({ format: 'uuid', description: 'The id of the session' }),
    created_at: TimeOf('When it began'),
    last_used_at: TimeOf('When it was logged in or refreshed last'),
    expires_at: TimeOf('When it ends, if it is not refreshed'),
    user_agent: Nullable(Line(16_384, 'The program, as it named itself')),
    ip: Nullable(Line(64, 'The address it was used from last')),
  },
  { title: 'ExportedSession', description: 'A session, without what is secret' },
)

export const ExportedNetwork = Type.Object(
  {
    network: Line(64, 'An IPv4 address or the /64 of an IPv6 address'),
    last_login_at: TimeOf('When somebody logged in from there last'),
  },
  { title: 'ExportedNetwork', description: 'A network that the account was used from' },
)

const Day = Type.String({ format: 'date', description: 'A day of the quota' })

export const ExportedCalls = Type.Object(
  {
    day: Day,
    interactive: CountOf('Calls of Kinopoisk that requests of the user needed'),
    import: CountOf('Calls of Kinopoisk that imports of the user needed'),
  },
  { title: 'ExportedCalls', description: 'What was spent of the quota on a day' },
)

export const ExportedKey = Type.Object(
  {
    id: IdOf('The id of the key'),
    name: Line(100, 'Which program uses it'),
    scopes: Type.Array(Line(20, 'A scope'), { maxItems: 3, description: 'What the key may do' }),
    daily_limit: Nullable(CountOf('Calls of Kinopoisk a day; null: as many as the user has')),
    created_at: TimeOf('When it was made'),
    expires_at: Nullable(TimeOf('When it ends; null: never')),
    last_used_at: Nullable(TimeOf('When it was used last; null: never')),
  },
  { title: 'ExportedKey', description: 'A personal key, without what is secret' },
)

export const ExportedResults = Type.Object(
  {
    day: Day,
    api_key_id: CountOf('The personal key, by id; 0: with an access token'),
    endpoint: Line(100, 'What was asked for'),
    hits: CountOf('Answered by what is kept, and fresh'),
    stale: CountOf('Answered by what is kept, and expired'),
    fetched: CountOf('Answered by Kinopoisk'),
    refused: CountOf('Not asked, as a budget was spent'),
    failed: CountOf('Asked without success'),
  },
  { title: 'ExportedResults', description: 'How requests to the gateway ended on a day' },
)

const listed = {
  film_id: IdOf('The film'),
  title: Line(500, 'The title'),
  original_title: Nullable(Line(500, 'The original title')),
  year: Nullable(YearOf('The year in which it came out')),
  added_at: TimeText('When it was added'),
}

function TimeText(description: string) {
  return Type.String({ format: 'date-time', description })
}

export const ExportedFilm = Type.Object(listed, { title: 'ExportedFilm', description: 'A film of a list' })
export const ExportedRating = Type.Object(
  {
    ...listed,
    rating: Type.Integer({ minimum: 1, maximum: 10, description: 'The score, from 1 to 10 (best)' }),
    updated_at: TimeText('When the score last changed'),
  },
  { title: 'ExportedRating', description: 'A film with the score of the user' },
)

const film = { film_id: 301, title: 'Матрица', original_title: 'The Matrix', year: 1999, added_at: time }
const session = { created_at: time, last_used_at: time, expires_at: time, user_agent: 'curl/8.5.0', ip: '127.0.0.1' }

const maxRows = 1_000_000

export const AccountExport = Type.Object(
  {
    exported_at: TimeOf('When this was put together'),
    profile: Profile,
    sessions: Type.Array(ExportedSession, { maxItems: 500, description: 'Newest first' }),
    networks: Type.Array(ExportedNetwork, {
      maxItems: maxRows,
      description: 'Whence it was registered or logged in to of late',
    }),
    keys: Type.Array(ExportedKey, { maxItems: 50, description: 'Personal keys' }),
    kinopoisk_calls: Type.Array(ExportedCalls, {
      maxItems: maxRows,
      description: 'What was spent of the quota of the last days',
    }),
    kinopoisk_results: Type.Array(ExportedResults, {
      maxItems: maxRows,
      description: 'How requests to the gateway ended on these days',
    }),
    favorites: Type.Array(ExportedFilm, { maxItems: 20_000, description: 'Favourites, newest first' }),
    wishlist: Type.Array(ExportedFilm, { maxItems: 20_000, description: 'Wishlist, newest first' }),
    ratings: Type.Array(ExportedRating, { maxItems: 20_000, description: 'Scores, newest first' }),
  },
  {
    title: 'AccountExport',
    description: 'Everything held about a user',
    examples: [
      {
        exported_at: time,
        profile: Profile.examples[0],
        sessions: [{ id: '5e0f6c1e-7a77-4d0e-9c5e-0b8f7f0f5d3a', ...session }],
        networks: [{ network: '127.0.0.1', last_login_at: time }],
        keys: [],
        kinopoisk_calls: [{ day: '2026-11-20', interactive: 12, import: 0 }],
        kinopoisk_results: [],
        favorites: [film],
        wishlist: [],
        ratings: [{ ...film, rating: 9, updated_at: time }],
      },
    ],
  },
)

export const EraseBody = Type.Object(
  {
    password: Type.String({
      minLength: 1,
      maxLength: 128,
      format: 'text',
      description: 'The password',
      examples: ['correct horse battery'],
    }),
  },
  { title: 'EraseBody', description: 'The present password', examples: [{ password: 'correct horse battery' }] },
)
