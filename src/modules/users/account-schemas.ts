import { Type } from '@sinclair/typebox'
import { Id, Nullable, Timestamp } from '../../http/schemas.ts'
import { Profile } from './schemas.ts'

const time = '2026-11-20T10:00:00.000Z'

export const ExportedSession = Type.Object({
  id: Type.String({ format: 'uuid' }),
  created_at: Timestamp,
  last_used_at: Timestamp,
  expires_at: Timestamp,
  user_agent: Nullable(Type.String()),
  ip: Nullable(Type.String()),
})

export const ExportedNetwork = Type.Object({
  network: Type.String({ description: 'An IPv4 address or the /64 of an IPv6 address' }),
  last_login_at: Timestamp,
})

export const ExportedCalls = Type.Object({
  day: Type.String({ format: 'date' }),
  interactive: Type.Integer({ minimum: 0 }),
  import: Type.Integer({ minimum: 0 }),
})

export const ExportedKey = Type.Object({
  id: Id,
  name: Type.String(),
  scopes: Type.Array(Type.String()),
  daily_limit: Nullable(Type.Integer({ minimum: 0 })),
  created_at: Timestamp,
  expires_at: Nullable(Timestamp),
  last_used_at: Nullable(Timestamp),
})

const count = Type.Integer({ minimum: 0 })

export const ExportedResults = Type.Object({
  day: Type.String({ format: 'date' }),
  api_key_id: { ...count, description: '0: with an access token' },
  endpoint: Type.String(),
  hits: count,
  stale: count,
  fetched: count,
  refused: count,
  failed: count,
})

const listed = {
  film_id: Id,
  title: Type.String(),
  original_title: Nullable(Type.String()),
  year: Nullable(Type.Integer()),
  added_at: Type.String({ format: 'date-time' }),
}

export const ExportedFilm = Type.Object(listed)
export const ExportedRating = Type.Object({
  ...listed,
  rating: Type.Integer({ minimum: 1, maximum: 10 }),
  updated_at: Type.String({ format: 'date-time' }),
})

const film = { film_id: 301, title: 'Матрица', original_title: 'The Matrix', year: 1999, added_at: time }
const session = { created_at: time, last_used_at: time, expires_at: time, user_agent: 'curl/8.5.0', ip: '127.0.0.1' }

export const AccountExport = Type.Object(
  {
    exported_at: Timestamp,
    profile: Profile,
    sessions: Type.Array(ExportedSession),
    networks: Type.Array(ExportedNetwork, { description: 'Whence it was registered or logged in to of late' }),
    keys: Type.Array(ExportedKey),
    kinopoisk_calls: Type.Array(ExportedCalls, { description: 'What was spent of the quota of the last days' }),
    kinopoisk_results: Type.Array(ExportedResults, { description: 'How requests to the gateway ended on these days' }),
    favorites: Type.Array(ExportedFilm),
    wishlist: Type.Array(ExportedFilm),
    ratings: Type.Array(ExportedRating),
  },
  {
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
  { password: Type.String({ minLength: 1, maxLength: 128, format: 'text', examples: ['correct horse battery'] }) },
  { description: 'The present password', examples: [{ password: 'correct horse battery' }] },
)
