import { Type } from '@sinclair/typebox'
import { CountOf, IdOf, Line } from '../../http/schemas.ts'

/** An error as Kinopoisk has it. */
const Message = Type.Object(
  { message: Line(16_384, 'What happened, in words') },
  {
    title: 'KinopoiskError',
    description: 'An error as Kinopoisk has it',
    examples: [{ message: 'You exceeded the quota. The daily number of calls of this key is spent' }],
  },
)

/** Whatever Kinopoisk sends at this address. */
export const Answer = Type.Unsafe<never>({ description: 'As Kinopoisk sent it', examples: [{}] })

const Quota = Type.Object(
  {
    value: Type.Integer({
      minimum: -1,
      maximum: 2_147_483_647,
      description: 'Calls that there are; -1: no limit, or all is spent and what is kept can still be had',
    }),
    used: CountOf('Calls that were made'),
  },
  { title: 'KinopoiskQuota', description: 'A quota, as Kinopoisk tells it' },
)

export const Account = Type.Object(
  {
    totalQuota: Quota,
    dailyQuota: Quota,
    accountType: Type.Unsafe<'FREE' | 'UNLIMITED'>({
      type: 'string',
      enum: ['FREE', 'UNLIMITED'],
      description: '`UNLIMITED` where `value` is -1',
    }),
  },
  {
    title: 'KinopoiskAccount',
    description: 'The account of a key, as Kinopoisk tells it',
    examples: [{ totalQuota: { value: -1, used: 3 }, dailyQuota: { value: 20, used: 3 }, accountType: 'FREE' }],
  },
)

export const AccountParams = Type.Object({
  key: Type.String({
    maxLength: 200,
    description: 'A personal key',
    examples: ['3f0c2a52-3d0b-4c5e-9a49-0c6f1f6a8a11'],
  }),
})

export const PictureParams = Type.Object({ id: IdOf('The Kinopoisk id of the film') })

const parameterMeanings: Record<string, string> = {
  filmId: 'The Kinopoisk id of a film',
  keyword: 'A title, or a part of one',
  name: 'The name of a person, or a part of it',
  imdbId: 'The IMDb id of a film',
  type: 'Of which kind',
  order: 'How they are sorted',
  countries: 'The ids of countries, by a comma',
  genres: 'The ids of genres, by a comma',
  ratingFrom: 'No rating below it',
  ratingTo: 'No rating above it',
  yearFrom: 'No year before it',
  yearTo: 'No year after it',
  year: 'A year',
  month: 'A month, in English',
  page: 'From 1 on',
}

/** What a parameter of upstream's address means. */
export function meaningOf(name: string, path: string): string | undefined {
  if (name !== 'id') return parameterMeanings[name]
  if (path.includes('/staff/')) return 'The Kinopoisk id of a person'
  return path.includes('/kp_users/') ? 'The id of a user of Kinopoisk' : parameterMeanings.filmId
}

const message = (description: string) => ({ description, content: { 'application/json': { schema: Message } } })

/** The errors of every address: how each has its status and text is in http/upstream-form.ts. */
export const errors = {
  400: message('`invalid_input`: a parameter cannot be'),
  401: message('`invalid_key`: no key, or one that is not known'),
  402: message('`upstream_budget_spent`: the calls of the key, its user or the day are spent, and nothing is kept'),
  403: message('`key_not_allowed`: the key is not for this'),
  404: message('`not_found`: Kinopoisk has nothing at this address'),
  500: message('`internal_error`'),
  503: message('`upstream_unavailable`: Kinopoisk could not be asked, and nothing is kept; or `overloaded`'),
}
