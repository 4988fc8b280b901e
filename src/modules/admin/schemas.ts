import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { CountOf, Nullable, TimeOf } from '../../http/schemas.ts'

/** A value for each endpoint of Kinopoisk, by its name. */
const ofEndpoint = <T extends TSchema>(schema: T) =>
  Type.Unsafe<Record<string, Static<T>>>({ type: 'object', maxProperties: 100, additionalProperties: schema })

const Spent = Type.Object(
  {
    interactive: CountOf('For requests that were waited for'),
    refresh: CountOf('To renew what is kept'),
    import: CountOf('For imports'),
    outside: CountOf('Made by others with the same key, by what Kinopoisk has counted'),
  },
  { title: 'QuotaSpent', description: 'Calls of today, by purpose' },
)

const Quota = Type.Object(
  {
    limit: Type.Integer({ minimum: -1, maximum: 2_147_483_647, description: 'Calls a day; -1 is no limit' }),
    spent: Spent,
    left: Type.Integer({
      minimum: -1,
      maximum: 2_147_483_647,
      description: 'Calls of today that are left; -1 is no limit',
    }),
    resets_at: TimeOf('When the next day of the quota begins'),
    checked_at: Nullable(TimeOf('When Kinopoisk was last asked about it')),
  },
  { title: 'Quota', description: 'The day of the quota' },
)

const Blocked = Type.Object(
  {
    reason: Type.Unsafe<'quota' | 'key'>({
      type: 'string',
      enum: ['quota', 'key'],
      description: 'quota: used up (402); key: rejected (401)',
    }),
    since: TimeOf('Since when nothing is asked'),
    until: Nullable(TimeOf('Until when; null: until Kinopoisk accepts the key')),
  },
  { title: 'QuotaBlock', description: 'Why nothing is asked at present; null when calls are made' },
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
    since: TimeOf('Since when there is doubt'),
    checked_at: TimeOf('When it was last asked for; at most once a minute'),
  },
  {
    title: 'Distrust',
    description:
      "Why doubtful answers (a 404 that is not Kinopoisk's own, other shapes in a row) are not believed at present; null when there is no doubt",
  },
)

const Circuit = Type.Unsafe<'closed' | 'half-open' | 'open'>({
  title: 'CircuitState',
  type: 'string',
  enum: ['closed', 'half-open', 'open'],
  description: 'closed: calls are made; open: none, as they failed; half-open: one is tried',
})

const Answered = Type.Object(
  {
    hit: CountOf('Answered by what is kept, and fresh'),
    negative: CountOf('Kept: there is no such thing'),
    stale: CountOf('Answered by what is kept, and expired'),
    miss: CountOf('Answered by Kinopoisk'),
    error: CountOf('Kinopoisk could not be asked'),
    local: CountOf('Of the errors, answered by the search of our own films'),
    partial: CountOf('Of the errors, answered with what is known of the film'),
    hit_ratio: Nullable(
      Type.Number({ minimum: 0, maximum: 1, description: 'Answers that no call was waited for, from 0 to 1' }),
    ),
  },
  { title: 'AnswerCounts', description: 'How requests ended' },
)

const KeptCounts = Type.Object(
  { fresh: CountOf('Not expired'), expired: CountOf('Expired, and served where Kinopoisk cannot be asked') },
  { title: 'KeptCounts', description: 'Answers that are kept' },
)

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
      ...ofEndpoint(KeptCounts),
      description: 'Answers in the database',
    },
    answered: { ...ofEndpoint(Answered), description: 'Questions to this replica since its start' },
  },
  {
    title: 'KinopoiskStatus',
    description: 'The state of the gateway to Kinopoisk',
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
