import { Type } from '@sinclair/typebox'
import { Id, Limit, Nullable, Timestamp } from '../../http/schemas.ts'

const count = Type.Integer({ minimum: 0 })
const Day = Type.String({ format: 'date', examples: ['2026-11-20'] })
const Days = Type.Integer({
  minimum: 1,
  maximum: 31,
  default: 7,
  description: "Days of the quota, today's included",
  examples: [7],
})

const counts = {
  calls: { ...count, description: 'Calls of Kinopoisk that were paid for' },
  answers: {
    ...count,
    description: 'Requests to the gateway that got an answer: hits, stale ones, and what was fetched',
  },
  hits: { ...count, description: 'From what is kept, and fresh' },
  stale: { ...count, description: 'From what is kept, and expired' },
  refused: { ...count, description: 'Not fetched, as the budget of the key, the user or the day was spent' },
  saved: { ...count, description: 'Answers that cost no call' },
}

const range = { days: Type.Integer(), from: Day, to: Day }
const exampleRange = { days: 7, from: '2026-11-14', to: '2026-11-20' }
const exampleCounts = { calls: 12, answers: 90, hits: 70, stale: 3, refused: 0, saved: 78 }

const Counts = Type.Object(counts)

const Budget = Type.Object(
  {
    limit: Type.Integer({ minimum: -1, description: 'Calls of today; -1 is no limit' }),
    used: count,
    left: Type.Integer({ minimum: -1, description: '-1 is no limit' }),
    resets_at: Timestamp,
  },
  { description: 'Of today, of the key that asks where it has a limit, else of the user' },
)

const key = {
  key_id: Id,
  name: Nullable(Type.String({ description: 'null: deleted since' })),
  daily_limit: Nullable(Type.Integer({ minimum: 0 })),
  calls_today: count,
  near_limit: Type.Boolean({ description: '80 % of the daily limit, or more, are spent today' }),
}
const exampleKey = { key_id: 1, name: 'Plex at home', daily_limit: 100, calls_today: 12, near_limit: false }

export const UsageQuery = Type.Object({ days: Type.Optional(Days) })

export const UserUsage = Type.Object(
  {
    ...range,
    budget: Budget,
    total: Counts,
    by_day: Type.Array(Type.Object({ day: Day, ...counts })),
    by_key: Type.Array(Type.Object({ ...key, ...counts }), {
      description: 'Of the personal keys, those that cost most first; what an access token cost is in the total alone',
    }),
  },
  {
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
const By = Type.Unsafe<(typeof groups)[number]>({ type: 'string', enum: groups, default: 'user', examples: ['user'] })

export const AdminUsageQuery = Type.Object({
  days: Type.Optional(Days),
  by: Type.Optional(By),
  limit: Type.Optional(Limit),
})

export const AdminUsage = Type.Object(
  {
    ...range,
    by: By,
    total: { ...Counts, description: 'Of all, also of calls that nobody waited for' },
    items: Type.Array(
      Type.Object({
        user_id: Type.Optional(Nullable(Id)),
        login: Type.Optional(Type.String()),
        ...Type.Partial(Type.Object(key)).properties,
        endpoint: Type.Optional(Type.String()),
        ...counts,
      }),
      { description: 'Those that cost most first; never a key itself' },
    ),
    others: {
      ...Counts,
      description: 'The total without the items: further ones, access tokens, and what is of no user',
    },
  },
  {
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
