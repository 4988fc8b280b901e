import { Type } from '@sinclair/typebox'
import { CountOf, IdOf, Limit, Line, Nullable, TimeOf } from '../../http/schemas.ts'

const dayOf = (description: string) => Type.String({ format: 'date', description, examples: ['2026-11-20'] })
const Days = Type.Integer({
  minimum: 1,
  maximum: 31,
  default: 7,
  description: "Days of the quota, today's included",
  examples: [7],
})

const counts = {
  calls: CountOf('Calls of Kinopoisk that were paid for'),
  answers: CountOf('Requests to the gateway that got an answer: hits, stale ones, and what was fetched'),
  hits: CountOf('From what is kept, and fresh'),
  stale: CountOf('From what is kept, and expired'),
  refused: CountOf('Not fetched, as the budget of the key, the user or the day was spent'),
  saved: CountOf('Answers that cost no call'),
}

const range = {
  days: Type.Integer({ minimum: 1, maximum: 31, description: 'How many days are counted' }),
  from: dayOf('The first of the days'),
  to: dayOf('The last of the days, today'),
}
const exampleRange = { days: 7, from: '2026-11-14', to: '2026-11-20' }
const exampleCounts = { calls: 12, answers: 90, hits: 70, stale: 3, refused: 0, saved: 78 }

const Counts = Type.Object(counts, { title: 'UsageCounts', description: 'Of all of these days' })

const Budget = Type.Object(
  {
    limit: Type.Integer({ minimum: -1, maximum: 2_147_483_647, description: 'Calls of today; -1 is no limit' }),
    used: CountOf('Calls of today that were made'),
    left: Type.Integer({
      minimum: -1,
      maximum: 2_147_483_647,
      description: 'Calls of today that are left; -1 is no limit',
    }),
    resets_at: TimeOf('When the next day of the quota begins'),
  },
  { title: 'Budget', description: 'Of today, of the key that asks where it has a limit, else of the user' },
)

const key = {
  key_id: IdOf('The personal key'),
  name: Nullable(Line(100, 'The name of the key; null: deleted since')),
  daily_limit: Nullable(CountOf('Calls of Kinopoisk a day; null: as many as the user has')),
  calls_today: CountOf('Calls that it has cost today'),
  near_limit: Type.Boolean({ description: '80 % of the daily limit, or more, are spent today' }),
}
const exampleKey = { key_id: 1, name: 'Plex at home', daily_limit: 100, calls_today: 12, near_limit: false }

export const UsageQuery = Type.Object({ days: Type.Optional(Days) })

const UsageOfDay = Type.Object(
  { day: dayOf('The day of the quota'), ...counts },
  { title: 'UsageOfDay', description: 'What a day was' },
)
const UsageOfKey = Type.Object(
  { ...key, ...counts },
  { title: 'UsageOfKey', description: 'What a personal key has spent' },
)

export const UserUsage = Type.Object(
  {
    ...range,
    budget: Budget,
    total: Counts,
    by_day: Type.Array(UsageOfDay, { maxItems: 31, description: 'The oldest day first' }),
    by_key: Type.Array(UsageOfKey, {
      maxItems: 1000,
      description: 'Of the personal keys, those that cost most first; what an access token cost is in the total alone',
    }),
  },
  {
    title: 'Usage',
    description: 'What the user has spent of the Kinopoisk quota',
    examples: [
      {
        ...exampleRange,
        budget: { limit: 100, used: 12, left: 88, resets_at: '2026-11-20T21:00:00.000Z' },
        total: exampleCounts,
        by_day: [{ day: '2026-11-20', ...exampleCounts }],
        by_key: [{ ...exampleKey, ...exampleCounts }],
      },
    ],
  },
)

const groups = ['user', 'key', 'endpoint'] as const
const By = Type.Unsafe<(typeof groups)[number]>({
  title: 'UsageGroup',
  type: 'string',
  enum: groups,
  default: 'user',
  description: 'What an item is about',
  examples: ['user'],
})

export const AdminUsageQuery = Type.Object({
  days: Type.Optional(Days),
  by: Type.Optional(By),
  limit: Type.Optional(Limit),
})

const UsageItem = Type.Object(
  {
    user_id: Type.Optional(Nullable(IdOf('The user; null: erased since'))),
    login: Type.Optional(Line(254, 'The login of the user')),
    ...Type.Partial(Type.Object(key)).properties,
    endpoint: Type.Optional(Line(100, 'What was asked for')),
    ...counts,
  },
  { title: 'UsageItem', description: 'What a user, a key or an endpoint has spent' },
)

export const AdminUsage = Type.Object(
  {
    ...range,
    by: By,
    total: { ...Counts, description: 'Of all, also of calls that nobody waited for' },
    items: Type.Array(UsageItem, {
      maxItems: 100,
      description: 'Those that cost most first; never a key itself',
    }),
    others: {
      ...Counts,
      description: 'The total without the items: further ones, access tokens, and what is of no user',
    },
  },
  {
    title: 'UsageReport',
    description: 'What was spent of the Kinopoisk quota, and by whom or for what',
    examples: [
      {
        ...exampleRange,
        by: 'user',
        total: exampleCounts,
        items: [{ user_id: 7, login: 'ann@example.org', ...exampleCounts }],
        others: { calls: 0, answers: 0, hits: 0, stale: 0, refused: 0, saved: 0 },
      },
    ],
  },
)
