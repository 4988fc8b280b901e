import { Type } from '@sinclair/typebox'
import { Limit, Nullable, Page, Text } from '../../http/schemas.ts'
import { Profile, Role } from './schemas.ts'

const DailyLimit = Nullable(
  Type.Integer({
    minimum: -1,
    maximum: 1_000_000,
    description:
      'Calls of Kinopoisk a day that the requests of the user may cost; -1: as many as there are; null: a share of the ' +
      "day's quota",
    examples: [200],
  }),
)

export const Account = Type.Object(
  { ...Profile.properties, blocked: Type.Boolean(), daily_limit: DailyLimit },
  { examples: [{ ...Profile.examples[0], blocked: false, daily_limit: null }] },
)

export const AccountQuery = Type.Object({
  limit: Type.Optional(Limit),
  page: Type.Optional({ ...Page, description: 'From 1, the default' }),
  q: Type.Optional(
    Text({
      maxLength: 200,
      examples: ['ann'],
      description: 'A part of the login (a phone is +380501234567), or of the name and surname; in any case',
    }),
  ),
})

export const AccountPage = Type.Object(
  {
    items: Type.Array(Account),
    total: Type.Integer({ minimum: 0 }),
    limit: Type.Integer(),
    page: Type.Integer(),
    pages: Type.Integer({ minimum: 0 }),
  },
  { examples: [{ items: Account.examples, total: 1, limit: 20, page: 1, pages: 1 }] },
)

export const AccountBody = Type.Object(
  { role: Type.Optional(Role), blocked: Type.Optional(Type.Boolean()), daily_limit: Type.Optional(DailyLimit) },
  { description: 'Only what is named changes', examples: [{ blocked: true }] },
)
