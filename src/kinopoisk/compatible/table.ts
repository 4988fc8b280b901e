import { minOwnId } from '../../db/schema/films.ts'
import { type Filter, filmRequest, filterRequest, imdbRequest, searchRequest, votesRequest } from '../endpoints.ts'
import {
  choice,
  optionalForm,
  optionalNumber,
  optionalWhole,
  optionalWords,
  type Parameter,
  page,
  whole,
  words,
} from '../parameters.ts'
import { type DataEndpoint, pathForms } from '../path-forms.ts'
import type { UpstreamRequest } from '../request.ts'
import { opaque } from '../supplements/opaque.ts'
import { requestOf, type Supplement } from '../supplements/supplement.ts'
import { supplements } from '../supplements/table.ts'

/** An address of upstream's own that is served here as well. */
export interface CompatibleEndpoint {
  /** Names the operation. */
  name: string
  /** `/api/v2.2/films/{id}/images` */
  path: string
  summary: string
  /** Of the path (`id`, where the path has it) and of the query; others are passed over. */
  parameters: Record<string, Parameter<unknown>>
  requestOf(values: Values): CompatibleRequest
}

export type Values = Record<string, never>

export interface CompatibleRequest {
  request: UpstreamRequest<object>
  /** What films known here can be served instead. */
  known?: KnownFilms
}

/** How a list of films known here is found. */
export interface KnownFilms {
  form: 'search' | 'list'
  keyword?: string | undefined
  imdbId?: string | undefined
  page: number
  /** Of the films of a page only these. */
  yearFrom?: number | undefined
  yearTo?: number | undefined
}

interface Row<Q> {
  name: string
  endpoint: DataEndpoint
  summary: string
  parameters: { [K in keyof Q]: Parameter<Q[K]> }
  requestOf(query: Q): CompatibleRequest
}

// For the types: Q is inferred for each row.
const compatible = <Q>({ name, endpoint, ...row }: Row<Q>): CompatibleEndpoint =>
  ({ name, path: pathForms[endpoint].replace(/\?.*/, ''), ...row }) as unknown as CompatibleEndpoint

const anyFilm = whole(1, minOwnId - 1, 301)
const ids = optionalForm(/^\d{1,6}(,\d{1,6}){0,9}$/, 'an id of /api/v2.2/films/filters', '1')
const orders = ['RATING', 'NUM_VOTE', 'YEAR'] as const
const types = ['ALL', 'FILM', 'TV_SHOW', 'TV_SERIES', 'MINI_SERIES'] as const
const anyRequest = (request: unknown) => request as UpstreamRequest<object>

const own: CompatibleEndpoint[] = [
  compatible({
    name: 'film',
    endpoint: 'film',
    summary: 'A film',
    parameters: { id: anyFilm },
    requestOf: ({ id }) => ({ request: anyRequest(filmRequest(id)) }),
  }),
  compatible({
    name: 'search',
    endpoint: 'search',
    summary: 'Search films by title',
    parameters: { keyword: words('матрица'), page: page(20) },
    requestOf: ({ keyword, page }) => ({
      request: anyRequest(searchRequest(keyword, page)),
      known: { form: 'search', keyword, page },
    }),
  }),
  compatible({
    name: 'films',
    endpoint: 'list',
    summary: 'Films by filters, by a title, or by an IMDb id',
    parameters: {
      ...{ countries: ids, genres: ids, order: choice(orders), type: choice(types) },
      ...{ ratingFrom: optionalNumber(0, 10, 7), ratingTo: optionalNumber(0, 10, 10) },
      ...{ yearFrom: optionalWhole(1000, 3000, 1999), yearTo: optionalWhole(1000, 3000, 1999) },
      imdbId: optionalForm(/^tt\d{1,12}$/, 'an IMDb id such as tt0133093', 'tt0133093'),
      keyword: optionalWords('матрица'),
      page: page(20),
    },
    requestOf({ imdbId, keyword, ...filter }) {
      const { page, yearFrom, yearTo } = filter
      const known: KnownFilms = { form: 'list', keyword, imdbId, page, yearFrom, yearTo }
      // What else is named beside an IMDb id can only leave its film out.
      if (imdbId !== undefined) return { request: anyRequest(imdbRequest(imdbId)), known }
      const request = anyRequest(filterRequest({ ...filter, keyword }))
      return keyword === undefined || isNarrower(filter) ? { request } : { request, known }
    },
  }),
  compatible({
    name: 'votes',
    endpoint: 'votes',
    summary: "A Kinopoisk user's votes",
    parameters: { id: whole(1, 999_999_999, 987_654), page: page(100) },
    requestOf: ({ id, page }) => ({ request: anyRequest(votesRequest(id, page)) }),
  }),
]

/** By more than a year: films known here are not filtered by it. */
function isNarrower({ countries, genres, ratingFrom = 0, ratingTo = 10, type }: Filter): boolean {
  return countries !== undefined || genres !== undefined || ratingFrom > 0 || ratingTo < 10 || type !== 'ALL'
}

/** Each endpoint beside details is served by its row. */
function ofSupplement([name, row]: [string, Supplement<never, never, never>]): CompatibleEndpoint {
  const { endpoint, summary, parameters } = row
  return compatible<{ id?: number }>({
    ...{ name, endpoint, summary, parameters },
    requestOf: (query) => ({ request: requestOf(row as unknown as Supplement<object, object, object>, query).request }),
  })
}

export const compatibleEndpoints: CompatibleEndpoint[] = [
  ...own,
  ...Object.entries({ ...supplements, ...opaque }).map((entry) => ofSupplement(entry as never)),
]
