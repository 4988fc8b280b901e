import { type Static, Type } from '@sinclair/typebox'
import { maxKinopoiskId, maxMinutes, minOwnId } from '../../catalogue/film-ids.ts'
import {
  ClearableText,
  ClearableWebUrl,
  CountOf,
  IdOf,
  Limit,
  Line,
  Nullable,
  PageSize,
  Poster,
  Score,
  Text,
  TimeOf,
  UpstreamText,
  WebUrl,
  YearOf,
} from '../../http/schemas.ts'
import { DirectorName } from '../directors/schemas.ts'
import { FilterQuery } from './filter-schemas.ts'

const Minutes = Type.Integer({
  minimum: 1,
  maximum: maxMinutes,
  description: 'How long it is, in minutes',
  examples: [136],
})

export const Film = Type.Object(
  {
    id: IdOf('The Kinopoisk id, or from 1000000000 on the id of a film made here'),
    name: Line(500, 'The title, in Russian where there is one'),
    original_name: Nullable(Line(500, 'The original title; null where it is not known')),
    genre: Nullable(Line(100, 'The first of the genres')),
    genres: Type.Array(Line(100, 'The name of a genre'), { maxItems: 1000, description: 'Names, the main one first' }),
    director_id: Nullable(IdOf('The director; null where it is not known')),
    director: Nullable(DirectorName),
    rate: Score('The rating of Kinopoisk or of an administrator, from 0 to 10 (best)'),
    year: Nullable(YearOf('The year in which it came out')),
    minutes: Nullable({ ...Minutes, description: 'How long it is, in minutes' }),
    description: UpstreamText('What it is about; null where nothing is known'),
    trailer: WebUrl('A trailer'),
    poster_url: WebUrl('The poster'),
    poster: Poster,
    kinopoisk_id: Nullable(IdOf('The id at Kinopoisk; null for a film made here')),
    user_rate: Score("Mean of this service's users' scores, from 1 to 10; null without any"),
    user_votes: CountOf('How many users of this service have rated it'),
    created_at: TimeOf('When it became known here'),
    updated_at: TimeOf('When it was last changed here'),
  },
  {
    title: 'Film',
    description: 'A film in the words of the catalogue: genres are names, `rate` is the rating',
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
        poster: null,
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
  ...FilterQuery.properties,
  sort: Type.Optional(
    Type.Unsafe<Sort>({
      title: 'FilmSort',
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
    items: Type.Array(Film, { maxItems: 100, description: 'The films of the page; past the last page none' }),
    total: CountOf(
      'How many films there are on all pages; exact, but a write in another replica may show a second late',
    ),
    limit: PageSize,
    page: Nullable(
      Type.Integer({
        minimum: 1,
        maximum: 100_000_000,
        description: 'The number of the page; null in a listing that is continued by cursor',
      }),
    ),
    pages: CountOf('How many pages there are'),
    next_cursor: Nullable(Line(4000, '`cursor` of the next page; null on the last one')),
  },
  {
    title: 'FilmPage',
    description: 'A page of the catalogue',
    examples: [
      { items: Film.examples, total: 41, limit: 20, page: 1, pages: 3, next_cursor: 'WyJpZCIsMTAwMDAwMDAwMF0' },
    ],
  },
)

const members = {
  name: Text({ maxLength: 500, description: 'The title; unique in the catalogue, in any case', examples: ['Матрица'] }),
  original_name: ClearableText({ maxLength: 500, description: 'The original title', examples: ['The Matrix'] }),
  genre: Text({ maxLength: 100, description: 'The main genre, by name', examples: ['фантастика'] }),
  genres: Type.Array(Text({ maxLength: 100, description: 'The name of a genre' }), {
    minItems: 1,
    maxItems: 20,
    examples: [['фантастика', 'боевик']],
    description: 'Names of genres, the main one first; with `genre` too, that one is the first',
  }),
  director_id: IdOf('The director, who must be known'),
  rate: Type.Number({
    minimum: 0,
    maximum: 10,
    examples: [8.5],
    description: 'The rating, from 0 to 10 (best), with two decimals at most',
  }),
  year: Type.Integer({
    minimum: 1888,
    maximum: 2200,
    examples: [1999],
    description: 'The year in which it came out, at most ten years ahead',
  }),
  minutes: Nullable({
    ...Minutes,
    description: 'How long it is, in minutes; null where it is not known, as of some films of Kinopoisk',
  }),
  description: ClearableText({ maxLength: 10_000, description: 'What it is about' }),
  trailer: ClearableWebUrl({ examples: ['https://www.youtube.com/watch?v=m8e-FF8MsqU'] }),
  poster_url: ClearableWebUrl(),
}

export const FilmChange = Type.Partial(Type.Object(members), {
  title: 'FilmChange',
  description: 'Only what is named changes. A genre that is not there yet is made',
  examples: [{ rate: 8.7 }],
})
export type FilmChange = Static<typeof FilmChange>

const KinopoiskId = Type.Integer({
  minimum: 1,
  maximum: maxKinopoiskId,
  description: 'The id at Kinopoisk',
  examples: [301],
})

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
      { name: 'Брат', genre: 'драма', director_id: 1, rate: 8.3, year: 1997, minutes: 99 },
      { kinopoisk_id: 301 },
    ],
  },
)
export type FilmBody = Static<typeof FilmBody>

/** A schema of whatever has these members. */
export function having(...names: string[]) {
  return { properties: Object.fromEntries(names.map((name) => [name, {}])), required: names }
}
