import { Type } from '@sinclair/typebox'
import { maxMinutes } from '../../catalogue/film-ids.ts'
import {
  CountOf,
  IdOf,
  Line,
  Nullable,
  Page,
  Percent,
  Poster,
  posterExample,
  Score,
  Text,
  UpstreamText,
  WebUrl,
  YearOf,
} from '../../http/schemas.ts'
import { DirectorName } from '../directors/schemas.ts'
import { Genre } from '../genres/schemas.ts'
import { KinopoiskFilm } from './kinopoisk-schemas.ts'

const year = Nullable(YearOf('The year in which it came out, of a series in which it began'))
const minutes = Nullable(
  Type.Integer({ minimum: 1, maximum: maxMinutes, description: 'How long it is, of a series an episode, in minutes' }),
)
const original = Nullable(Line(500, 'The original title; null where it is not known'))

/** What a film is to the user. */
export const ownState = {
  is_favorite: Type.Boolean({ description: "In the user's favourites" }),
  in_wishlist: Type.Boolean({ description: "In the user's wishlist" }),
  my_rating: Nullable(
    Type.Integer({
      minimum: 1,
      maximum: 10,
      description: "The user's own score, from 1 to 10 (best); null without one",
    }),
  ),
}

export const Movie = Type.Object(
  {
    id: IdOf('The Kinopoisk id, or from 1000000000 on the id of a film made here'),
    kinopoisk_id: Nullable(IdOf('The id at Kinopoisk; null for a film made here')),
    title: Line(500, 'The title, in Russian where there is one'),
    original_title: original,
    description: Line(1_048_576, 'What it is about; `""` where nothing is known, never null'),
    trailer: Line(2048, 'The address of a trailer; `""` where none is known, never null'),
    year,
    rating: Score('The rating of Kinopoisk or of an administrator, from 0 to 10 (best)'),
    minutes,
    genre_id: Nullable(IdOf('The first of the genres')),
    genre: Nullable(Genre),
    genres: Type.Array(Genre, { maxItems: 1000, description: 'The main one first' }),
    director_id: Nullable(IdOf('The director; null where it is not known')),
    director: Nullable(DirectorName),
    poster_url: WebUrl('The poster'),
    poster: Poster,
    favorites_count: CountOf('How many users of this service have it among their favourites'),
    user_rate: Score("Mean of this service's users' scores, from 1 to 10; null without any"),
    user_votes: CountOf('How many users of this service have rated it'),
    kinopoisk: Type.Unsafe<unknown>(Nullable(KinopoiskFilm)),
    ...Type.Partial(Type.Object(ownState), { description: 'Absent without a user' }).properties,
  },
  {
    title: 'Movie',
    description: 'A film with all that is known of it: genres are objects, `rating` is the rating',
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
        poster_url: 'https://kinopoiskapiunofficial.tech/images/posters/kp/301.jpg',
        poster: posterExample,
        favorites_count: 1,
        user_rate: null,
        user_votes: 0,
        kinopoisk: KinopoiskFilm.examples?.[0],
        is_favorite: true,
        in_wishlist: false,
        my_rating: 9,
      },
    ],
  },
)

/** A film made here: short, for lists. */
export const ownMovieExample = { ...Movie.examples[0], id: 1_000_000_000, kinopoisk_id: null, kinopoisk: null }

export const Movies = Type.Array(Movie, {
  title: 'Movies',
  maxItems: 10_000_000,
  description: 'Movies, in the order that the operation says',
  examples: [[ownMovieExample]],
})

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
  page: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 20, default: 1, description: 'Pages of 20, from 1', examples: [1] }),
  ),
  keyword: Type.Optional(
    Text({ maxLength: 200, examples: ['матрица'], description: 'The same as `query`, which may then be absent' }),
  ),
})

const found = {
  id: IdOf('The id for `/movies/{id}`'),
  kinopoisk_id: Nullable(IdOf('The id at Kinopoisk; null for a film made here, which a local search may find')),
  title: Line(500, 'The title, in Russian where there is one'),
  original_title: original,
  type: UpstreamText('FILM, VIDEO, TV_SERIES, MINI_SERIES or TV_SHOW; what Kinopoisk adds is passed on'),
  year,
  minutes,
  rating: Score('The rating of Kinopoisk, from 0 to 10 (best); null for a film that is awaited'),
  await_percent: Percent('Of a film that has not come out: the share of users who await it, in percent'),
  votes: Nullable(CountOf('How many users of Kinopoisk the rating, or the percentage, is of')),
  genres: Type.Array(Line(100, 'The name of a genre'), { maxItems: 1000, description: 'Names of genres' }),
  countries: Type.Array(Line(100, 'The name of a country'), {
    maxItems: 1000,
    description: 'Names of countries, in Russian',
  }),
  description: UpstreamText('What it is about'),
  poster_url: WebUrl('The poster'),
  poster_preview_url: WebUrl('The poster, small'),
  poster: Poster,
  ...ownState,
}

export const SearchItem = Type.Object(found, {
  title: 'FoundMovie',
  description: 'A film as a search tells of it; `/movies/{id}` tells all',
})

export const Source = Type.Unsafe<'kinopoisk' | 'cache' | 'local'>({
  title: 'Source',
  type: 'string',
  enum: ['kinopoisk', 'cache', 'local'],
  description:
    'kinopoisk: asked now or fresh in the cache; cache: an expired answer, because Kinopoisk could not be asked or ' +
    'is being asked; local: of what is known here, because Kinopoisk could not be asked or has nothing to do with it',
})

export const SearchResult = Type.Object(
  {
    query: Line(200, 'What was searched for, without the spaces around it'),
    page: Page,
    pages: Type.Integer({ minimum: 0, maximum: 20, description: 'How many pages can be had, at most 20' }),
    total: CountOf('How many films were found; of a local search at most some 1000 are counted'),
    source: Source,
    complete: Type.Boolean({ description: 'False for a local search: Kinopoisk may know more' }),
    items: Type.Array(SearchItem, { maxItems: 1000, description: 'The films of the page, the best match first' }),
  },
  {
    title: 'SearchResult',
    description: 'What a search found, and how',
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
            poster: null,
            is_favorite: true,
            in_wishlist: false,
            my_rating: null,
          },
        ],
      },
    ],
  },
)
