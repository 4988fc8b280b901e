import { Type } from '@sinclair/typebox'
import { Id, Nullable, Page, Text, Timestamp } from '../../schemas.ts'

const text = Nullable(Type.String())
const integer = Nullable(Type.Integer())
const number = Nullable(Type.Number())
const flag = Nullable(Type.Boolean())
const percent = Nullable(Type.Number({ minimum: 0, maximum: 100 }))
const Named = Type.Object({ id: Id, name: Type.String() })

const KinopoiskBlock = Type.Object(
  {
    kinopoisk_id: Id,
    kinopoisk_hd_id: text,
    imdb_id: text,
    name_ru: text,
    name_en: text,
    name_original: text,
    poster_url: text,
    poster_preview_url: text,
    cover_url: text,
    logo_url: text,
    web_url: text,
    type: Nullable(Type.String({ description: 'FILM, VIDEO, TV_SERIES, MINI_SERIES or TV_SHOW' })),
    year: integer,
    start_year: integer,
    end_year: integer,
    minutes: integer,
    slogan: text,
    description: text,
    short_description: text,
    editor_annotation: text,
    countries: Type.Array(Type.String()),
    genres: Type.Array(Type.String()),
    rating_kinopoisk: number,
    rating_kinopoisk_votes: integer,
    rating_imdb: number,
    rating_imdb_votes: integer,
    rating_film_critics: number,
    rating_film_critics_votes: integer,
    rating_await_percent: percent,
    rating_await_votes: integer,
    rating_rf_critics_percent: percent,
    rating_rf_critics_votes: integer,
    rating_good_review_percent: percent,
    rating_good_review_votes: integer,
    reviews_count: integer,
    mpaa: text,
    age_limit: Nullable(Type.Integer({ description: 'Years' })),
    production_status: text,
    serial: flag,
    short_film: flag,
    completed: flag,
    has_imax: flag,
    has_3d: flag,
    is_tickets_available: flag,
    last_sync: Nullable(
      Type.String({ format: 'date-time', description: "When Kinopoisk's own data was updated, taken as UTC" }),
    ),
    synced_at: Timestamp,
  },
  { description: 'What Kinopoisk tells, null where unknown' },
)

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
        kinopoisk: null,
      },
    ],
  },
)

export const Movies = Type.Array(Movie)

export const SearchQuery = Type.Object({
  query: Text({ maxLength: 200, examples: ['матрица'], description: 'A part of a Russian or original title' }),
  page: Type.Optional(Type.Integer({ minimum: 1, maximum: 20, default: 1, examples: [1] })),
})

const SearchItem = Type.Object({
  id: Id,
  kinopoisk_id: Id,
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
  is_favorite: Type.Boolean(),
  in_wishlist: Type.Boolean(),
})

export const SearchResult = Type.Object(
  {
    query: Type.String(),
    page: Page,
    pages: Type.Integer({ minimum: 0, maximum: 20 }),
    total: Type.Integer({ minimum: 0 }),
    source: Type.Unsafe<'kinopoisk' | 'cache' | 'local'>({
      type: 'string',
      enum: ['kinopoisk', 'cache', 'local'],
      description:
        'kinopoisk: asked now or fresh in the cache; cache: an expired answer, because Kinopoisk could not be asked or ' +
        'is being asked; local: found among the films known here, because Kinopoisk could not be asked',
    }),
    complete: Type.Boolean(),
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
          },
        ],
      },
    ],
  },
)
