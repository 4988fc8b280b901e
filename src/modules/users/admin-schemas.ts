import { Type } from '@sinclair/typebox'
import { CountOf, Limit, Nullable, Page, PageSize, Text } from '../../http/schemas.ts'
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

const Blocked = Type.Boolean({ description: 'A blocked user cannot log in, and has no session' })

export const Account = Type.Object(
  { ...Profile.properties, blocked: Blocked, daily_limit: DailyLimit },
  {
    title: 'Account',
    description: 'A user, as administrators see one',
    examples: [{ ...Profile.examples[0], blocked: false, daily_limit: null }],
  },
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
    items: Type.Array(Account, { maxItems: 100, description: 'The users of the page, by id' }),
    total: CountOf('How many users there are on all pages'),
    limit: PageSize,
    page: Page,
    pages: CountOf('How many pages there are'),
  },
  {
    title: 'AccountPage',
    description: 'A page of users',
    examples: [{ items: Account.examples, total: 1, limit: 20, page: 1, pages: 1 }],
  },
)

export const AccountBody = Type.Object(
  { role: Type.Optional(Role), blocked: Type.Optional(Blocked), daily_limit: Type.Optional(DailyLimit) },
  { title: 'AccountChange', description: 'Only what is named changes', examples: [{ daily_limit: 200 }] },
)
