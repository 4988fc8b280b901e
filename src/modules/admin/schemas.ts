import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { Nullable, Timestamp } from '../../http/schemas.ts'

const count = Type.Integer({ minimum: 0 })
const time = Nullable(Timestamp)
/** A value for each endpoint of Kinopoisk, by its name. */
const ofEndpoint = <T extends TSchema>(schema: T) =>
  Type.Unsafe<Record<string, Static<T>>>({ type: 'object', additionalProperties: schema })

const Quota = Type.Object({
  limit: Type.Integer({ minimum: -1, description: 'Calls a day; -1 is no limit' }),
  spent: Type.Object(
    {
      interactive: count,
      refresh: count,
      import: count,
      outside: { ...count, description: 'Made by others with the same key, by what Kinopoisk has counted' },
    },
    { description: 'Today, by purpose' },
  ),
  left: Type.Integer({ minimum: -1, description: '-1 is no limit' }),
  resets_at: Timestamp,
  checked_at: { ...time, description: 'When Kinopoisk was last asked about it' },
})

const Blocked = Type.Object(
  {
    reason: Type.Unsafe<'quota' | 'key'>({
      type: 'string',
      enum: ['quota', 'key'],
      description: 'quota: used up (402); key: rejected (401)',
    }),
    since: Timestamp,
    until: { ...time, description: 'null: until Kinopoisk accepts the key' },
  },
  { description: 'Why nothing is asked at present; null when calls are made' },
)

const distrustReasons = ['not_found', 'bad_response', 'server_error', 'timeout', 'connection', 'unasked'] as const

const Distrusted = Type.Object(
  {
    reason: Type.Unsafe<(typeof distrustReasons)[number]>({
      type: 'string',
      enum: distrustReasons,
      description:
        'How a film that Kinopoisk has was answered when it was asked for; unasked: there was none to ask for, or no quota',
    }),
    since: Timestamp,
    checked_at: { ...Timestamp, description: 'When it was last asked for; at most once a minute' },
  },
  {
    description:
      "Why doubtful answers (a 404 that is not Kinopoisk's own, other shapes in a row) are not believed at present; null when there is no doubt",
  },
)

const Circuit = Type.Unsafe<'closed' | 'half-open' | 'open'>({ type: 'string', enum: ['closed', 'half-open', 'open'] })

const Answered = Type.Object({
  hit: count,
  negative: Type.Integer({ minimum: 0, description: 'Kept: there is no such thing' }),
  stale: count,
  miss: count,
  error: count,
  local: Type.Integer({ minimum: 0, description: 'Of the errors, answered by the search of our own films' }),
  partial: Type.Integer({ minimum: 0, description: 'Of the errors, answered with what is known of the film' }),
  hit_ratio: Nullable(Type.Number({ minimum: 0, maximum: 1, description: 'Answers that no call was waited for' })),
})

const exampleAnswered = { hit: 90, negative: 2, stale: 3, miss: 5, error: 0, local: 0, partial: 0, hit_ratio: 0.95 }
const exampleOf = <T>(value: T) => ({ film: value, search: value, staff: value, seasons: value, person: value })

export const KinopoiskStatus = Type.Object(
  {
    sandbox: Type.Boolean({ description: 'The built-in copy answers: there is no KINOPOISK_API_KEY' }),
    quota: Quota,
    blocked: Nullable(Blocked),
    distrusted: Nullable(Distrusted),
    circuits: { ...ofEndpoint(Circuit), description: 'Of this replica' },
    kept: {
      ...ofEndpoint(Type.Object({ fresh: count, expired: count })),
      description: 'Answers in the database',
    },
    answered: { ...ofEndpoint(Answered), description: 'Questions to this replica since its start' },
  },
  {
    examples: [
      {
        sandbox: false,
        quota: {
          limit: 500,
          spent: { interactive: 120, refresh: 31, import: 0, outside: 0 },
          left: 349,
          resets_at: '2026-11-20T21:00:00.000Z',
          checked_at: '2026-11-20T06:00:00.000Z',
        },
        blocked: null,
        distrusted: null,
        circuits: exampleOf('closed'),
        kept: exampleOf({ fresh: 900, expired: 100 }),
        answered: exampleOf(exampleAnswered),
      },
    ],
  },
)
