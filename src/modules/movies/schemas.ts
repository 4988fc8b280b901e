import { Type } from '@sinclair/typebox'
import { Id, Nullable, Page, Text } from '../../http/schemas.ts'
import { KinopoiskBlock } from './kinopoisk-schemas.ts'

const text = Nullable(Type.String())
const integer = Nullable(Type.Integer())
const number = Nullable(Type.Number())
const percent = Nullable(Type.Number({ minimum: 0, maximum: 100 }))

/** What a film is to the user. */
export const ownState = {
  is_favorite: Type.Boolean(),
  in_wishlist: Type.Boolean(),
  my_rating: Nullable(Type.Integer({ minimum: 1, maximum: 10, description: "The user's own score" })),
}
const Named = Type.Object({ id: Id, name: Type.String() })

export const Movie = Type.Object(
  {
    id: Id,
    kinopoisk_id: Nullable(Id),
    title: Type.String(),
    original_title: text,
    description: Type.String(),
    trailer: Type.String(),
    year: integer,
    rating: number,
    minutes: integer,
    genre_id: Nullable(Id),
    genre: Nullable(Named),
    genres: Type.Array(Named),
    director_id: Nullable(Id),
    director: Nullable(Named),
    poster_url: text,
    favorites_count: Type.Integer({ minimum: 0 }),
    user_rate: Nullable(Type.Number({ description: "Mean of this service's users' scores" })),
    user_votes: Type.Integer({ minimum: 0 }),
    kinopoisk: Type.Unsafe<unknown>(Nullable(KinopoiskBlock)),
    ...Type.Partial(Type.Object(ownState), { description: 'Absent without a user' }).properties,
  },
  {
    examples: [
      {
        id: 301,
        kinopoisk_id: 301,
        title: 'Матрица',
        original_title: 'The Matrix',
        description: '',
        trailer: '',
        year: 1999,
        rating: 8.5,
        minutes: 136,
        genre_id: 1,
        genre: { id: 1, name: 'фантастика' },
        genres: [{ id: 1, name: 'фантастика' }],
        director_id: null,
        director: null,
        poster_url: null,
        favorites_count: 1,
        user_rate: null,
        user_votes: 0,
        kinopoisk: KinopoiskBlock.examples?.[0],
        is_favorite: true,
        in_wishlist: false,
        my_rating: 9,
      },
    ],
  },
)

export const Movies = Type.Array(Movie)

export const MovieParams = Type.Object({
  id: Type.String({
    maxLength: 200,
    examples: ['301'],
    description:
      'The Kinopoisk id, the id of a film made here (from 1000000000), or the IMDb id (tt0133093). `kp301` and an encoded ' +
      'address of Kinopoisk or IMDb are taken too.',
  }),
})

export const SearchQuery = Type.Object({
  query: Text({
    maxLength: 200,
    examples: ['матрица'],
    description:
      'A part of a Russian or original title; or a film by its address at Kinopoisk or IMDb, its Kinopoisk id as `kp301`, or ' +
      'its IMDb id',
  }),
  page: Type.Optional(Type.Integer({ minimum: 1, maximum: 20, default: 1, examples: [1] })),
  keyword: Type.Optional(
    Text({ maxLength: 200, examples: ['матрица'], description: 'The same as `query`, which may then be absent' }),
  ),
})

export const SearchItem = Type.Object({
  id: Id,
  kinopoisk_id: Nullable({ ...Id, description: 'Null for a film made here: a local search may find it' }),
  title: Type.String(),
  original_title: text,
  type: text,
  year: integer,
  minutes: integer,
  rating: number,
  await_percent: percent,
  votes: integer,
  genres: Type.Array(Type.String()),
  countries: Type.Array(Type.String()),
  description: text,
  poster_url: text,
  poster_preview_url: text,
  ...ownState,
})

export const Source = Type.Unsafe<'kinopoisk' | 'cache' | 'local'>({
  type: 'string',
  enum: ['kinopoisk', 'cache', 'local'],
  description:
    'kinopoisk: asked now or fresh in the cache; cache: an expired answer, because Kinopoisk could not be asked or ' +
    'is being asked; local: of what is known here, because Kinopoisk could not be asked or has nothing to do with it',
})

export const SearchResult = Type.Object(
  {
    query: Type.String(),
    page: Page,
    pages: Type.Integer({ minimum: 0, maximum: 20 }),
    total: Type.Integer({ minimum: 0, description: 'Of a local search at most some 1000 are counted' }),
    source: Source,
    complete: Type.Boolean({ description: 'False for a local search: Kinopoisk may know more' }),
    items: Type.Array(SearchItem),
  },
  {
    examples: [
      {
        query: 'матрица',
        page: 1,
        pages: 1,
        total: 1,
        source: 'kinopoisk',
        complete: true,
        items: [
          {
            id: 301,
            kinopoisk_id: 301,
            title: 'Матрица',
            original_title: 'The Matrix',
            type: 'FILM',
            year: 1999,
            minutes: 136,
            rating: 8.5,
            await_percent: null,
            votes: 796307,
            genres: ['фантастика', 'боевик'],
            countries: ['США', 'Австралия'],
            description: null,
            poster_url: null,
            poster_preview_url: null,
            is_favorite: true,
            in_wishlist: false,
            my_rating: null,
          },
        ],
      },
    ],
  },
)
