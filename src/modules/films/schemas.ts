import { type Static, Type } from '@sinclair/typebox'
import { maxKinopoiskId, maxMinutes, minOwnId } from '../../catalogue/film-ids.ts'
import { ClearableText, ClearableWebUrl, Id, Limit, Nullable, Text, Timestamp } from '../../http/schemas.ts'

const text = Nullable(Type.String())

export const Film = Type.Object(
  {
    id: Id,
    name: Type.String(),
    original_name: text,
    genre: Nullable(Type.String({ description: 'The first of the genres' })),
    genres: Type.Array(Type.String()),
    director_id: Nullable(Id),
    director: Nullable(Type.Object({ id: Id, name: Type.String() })),
    rate: Nullable(Type.Number()),
    year: Nullable(Type.Integer()),
    minutes: Nullable(Type.Integer()),
    description: text,
    trailer: text,
    poster_url: text,
    kinopoisk_id: Nullable(Id),
    user_rate: Nullable(Type.Number({ description: "Mean of this service's users' scores" })),
    user_votes: Type.Integer({ minimum: 0 }),
    created_at: Timestamp,
    updated_at: Timestamp,
  },
  {
    examples: [
      {
        id: minOwnId,
        name: 'Матрица',
        original_name: 'The Matrix',
        genre: 'фантастика',
        genres: ['фантастика', 'боевик'],
        director_id: 1,
        director: { id: 1, name: 'Лана Вачовски' },
        rate: 8.5,
        year: 1999,
        minutes: 136,
        description: null,
        trailer: null,
        poster_url: null,
        kinopoisk_id: null,
        user_rate: 9,
        user_votes: 1,
        created_at: '2026-11-20T10:00:00.000Z',
        updated_at: '2026-11-20T10:00:00.000Z',
      },
    ],
  },
)

const sorts = ['id', 'rate', '-rate', 'year', '-year', 'minutes', '-minutes', 'name', '-name'] as const
export type Sort = (typeof sorts)[number]

const FilterYear = Type.Integer({ minimum: 1800, maximum: 2200, examples: [1999] })

const Traits = (example: string, description: string) =>
  Type.Array(
    Type.String({
      transform: ['trim', 'toLowerCase'],
      format: 'text',
      minLength: 1,
      maxLength: 100,
      examples: [example],
    }),
    {
      maxItems: 20,
      examples: [[example]],
      description: `${description}; in small or capital letters, and repeated for several`,
    },
  )
const FilterMinutes = Type.Integer({ minimum: 1, maximum: maxMinutes, examples: [90] })

/** What of the catalogue is wanted; filters combine. */
const filters = {
  genre: Type.Optional(
    Type.Array(Text({ maxLength: 100, examples: ['драма'] }), {
      maxItems: 20,
      examples: [['драма']],
      description: 'Name, in any case, or id; repeated: any of them',
    }),
  ),
  min_rate: Type.Optional(Type.Number({ minimum: 0, maximum: 10, examples: [7.5] })),
  director_id: Type.Optional(Id),
  year_from: Type.Optional(FilterYear),
  year_to: Type.Optional(FilterYear),
  q: Type.Optional(
    Text({
      maxLength: 200,
      examples: ['матрица'],
      description:
        'A part of the name or the original name; case, punctuation and ё/е do not matter. One or two characters are ' +
        'looked for at the beginning of words. If no name holds it, the names nearest to it are found, typos forgiven',
    }),
  ),
  country: Type.Optional(Traits('США', 'As Kinopoisk names it')),
  type: Type.Optional(Traits('TV_SERIES', 'By Kinopoisk: FILM, VIDEO, TV_SERIES, MINI_SERIES or TV_SHOW')),
  minutes_from: Type.Optional(FilterMinutes),
  minutes_to: Type.Optional(FilterMinutes),
  decade: Type.Optional(
    Type.Integer({ minimum: 1800, maximum: 2200, multipleOf: 10, examples: [1990], description: 'Its first year' }),
  ),
}

export const FilterQuery = Type.Object(filters)
export type FilterQuery = Static<typeof FilterQuery>

export const FilmQuery = Type.Object({
  limit: Type.Optional(Limit),
  page: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 100_000_000, description: 'From 1, the default', examples: [1] }),
  ),
  cursor: Type.Optional(
    Text({
      maxLength: 4000,
      examples: ['WyJ2RXdEa3ZqN2x3Iiw3LjcsMTAwMDAwMDAwMV0'],
      description:
        '`next_cursor` of the page before, of a listing with the same filters and sort. Costs the same at any depth; excludes `page`',
    }),
  ),
  ...filters,
  sort: Type.Optional(
    Type.Unsafe<Sort>({
      type: 'string',
      enum: sorts,
      default: 'id',
      examples: ['-rate'],
      description: '`-` is descending; ties by id, unknown values last',
    }),
  ),
})
export type FilmQuery = Static<typeof FilmQuery>

export const FilmPage = Type.Object(
  {
    items: Type.Array(Film),
    total: Type.Integer({ minimum: 0, description: 'Exact; a write in another replica may show a second late' }),
    limit: Type.Integer(),
    page: Nullable(Type.Integer({ description: 'Null in a listing that is continued by cursor' })),
    pages: Type.Integer({ minimum: 0 }),
    next_cursor: Nullable(Type.String({ description: 'Null on the last page' })),
  },
  {
    examples: [
      { items: Film.examples, total: 41, limit: 20, page: 1, pages: 3, next_cursor: 'WyJpZCIsMTAwMDAwMDAwMF0' },
    ],
  },
)

const count = Type.Integer({ minimum: 1 })

export const Facets = Type.Object(
  {
    total: Type.Integer({ minimum: 0 }),
    genres: Type.Array(Type.Object({ id: Id, name: Type.String(), count }), { description: 'Most films first' }),
    decades: Type.Array(Type.Object({ decade: Type.Integer(), count }), { description: 'The latest first' }),
    countries: Type.Array(Type.Object({ name: Type.String(), count }), { description: 'Most films first' }),
  },
  {
    examples: [
      {
        total: 2,
        genres: [{ id: 1, name: 'фантастика', count: 2 }],
        decades: [
          { decade: 2000, count: 1 },
          { decade: 1990, count: 1 },
        ],
        countries: [{ name: 'США', count: 2 }],
      },
    ],
  },
)
export type Facets = Static<typeof Facets>

const Minutes = Type.Integer({ minimum: 1, maximum: maxMinutes, examples: [136] })

const members = {
  name: Text({ maxLength: 500, examples: ['Матрица'] }),
  original_name: ClearableText({ maxLength: 500, examples: ['The Matrix'] }),
  genre: Text({ maxLength: 100, examples: ['фантастика'] }),
  genres: Type.Array(Text({ maxLength: 100 }), {
    minItems: 1,
    maxItems: 20,
    examples: [['фантастика', 'боевик']],
    description: 'With `genre` too: that one is the first',
  }),
  director_id: Id,
  rate: Type.Number({ minimum: 0, maximum: 10, examples: [8.5], description: 'Two decimals at most' }),
  year: Type.Integer({ minimum: 1888, maximum: 2200, examples: [1999], description: 'At most ten years ahead' }),
  minutes: Nullable({ ...Minutes, description: 'Null where it is not known, as of some films of Kinopoisk' }),
  description: ClearableText({ maxLength: 10_000 }),
  trailer: ClearableWebUrl({ examples: ['https://www.youtube.com/watch?v=m8e-FF8MsqU'] }),
  poster_url: ClearableWebUrl(),
}

export const FilmChange = Type.Partial(Type.Object(members), {
  description: 'Only what is named changes. A genre that is not there yet is made',
  examples: [{ rate: 8.7 }],
})
export type FilmChange = Static<typeof FilmChange>

const KinopoiskId = Type.Integer({ minimum: 1, maximum: maxKinopoiskId, examples: [301] })

export const FilmBody = Type.Object(
  { ...FilmChange.properties, minutes: Type.Optional(Minutes), kinopoisk_id: Type.Optional(KinopoiskId) },
  {
    description:
      'A film of our own, or one of Kinopoisk by its id: what else is given beside `kinopoisk_id` comes before what ' +
      'Kinopoisk tells. A genre that is not there yet is made',
    if: having('kinopoisk_id'),
    else: {
      ...having('name', 'director_id', 'rate', 'year', 'minutes'),
      if: having('genres'),
      else: having('genre'),
    },
    examples: [
      { name: 'Матрица', genre: 'фантастика', director_id: 1, rate: 8.5, year: 1999, minutes: 136 },
      { kinopoisk_id: 301 },
    ],
  },
)
export type FilmBody = Static<typeof FilmBody>

/** A schema of whatever has these members. */
function having(...names: string[]) {
  return { properties: Object.fromEntries(names.map((name) => [name, true])), required: names }
}
