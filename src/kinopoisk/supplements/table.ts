import { pathForms } from '../endpoints.ts'
import { readerOf } from '../reader.ts'
import type { DataEndpoint } from '../request.ts'
import type { Rows } from '../rows.ts'
import {
  hasNewEpisodes,
  normaliseContributor,
  normaliseFact,
  normaliseImage,
  normaliseRelated,
  normaliseReview,
  normaliseReviewTotals,
  normaliseSeason,
  normaliseVideo,
} from './film.ts'
import { listOf, listReader, pageOf } from './lists.ts'
import { normaliseProfile } from './person.ts'
import {
  Contributor,
  Fact,
  Image,
  Person,
  RelatedFilm,
  Review,
  ReviewTotals,
  Season,
  SelectedFilm,
  Video,
} from './schemas.ts'
import { normalisePremiere, normaliseSelected, selectedPart } from './selection.ts'
import { mebibyte, requestOf, type Supplement, supplement } from './supplement.ts'

const day = 86_400
const forAMonth = () => 30 * day
const forAWeek = () => 7 * day

interface OfFilm {
  id: number
}
const ofOne = (endpoint: DataEndpoint) => (query: OfFilm) => pathForms[endpoint].replace('{id}', String(query.id))

/** With the values of a query in the place of the form's one name. */
function withQuery(path: string, query: Record<string, string | number>): string {
  const pairs = Object.entries(query).map(([name, value]) => [name, String(value)])
  return `${path.replace(/\?.*/, '')}?${new URLSearchParams(pairs)}`
}

const readSeasons = listReader(Season, (season) => season.number)
// A person has a row for each profession.
const readStaff = listReader(Contributor, (person) => `${person.staffId} ${person.professionKey}`)
const readImages = listReader(Image, (image) => image.imageUrl)
const readRelated = listReader(RelatedFilm, (film) => `${film.filmId} ${film.relationType}`)
const readFacts = listReader(Fact, (fact) => fact.text)
const readVideos = listReader(Video, (video) => video.url)
const readSelected = listReader(SelectedFilm, (film) => film.filmId)
const readReviews = listReader(Review, (review) => review.kinopoiskId)
const readReviewTotals = readerOf(ReviewTotals)
const discoverSelected = ({ rows }: Rows<SelectedFilm>, fetchedAt: Date) => ({
  items: rows.map((film) => selectedPart(film, fetchedAt)),
})

export const supplements = {
  seasons: supplement({
    endpoint: 'seasons',
    path: ofOne('seasons'),
    read: readSeasons,
    normalise: (value) => listOf(value, normaliseSeason),
    // A series without a new episode for a year is over, or pauses.
    ttlSeconds: ({ items }) => (hasNewEpisodes(items) ? day : 30 * day),
    maxBytes: 4 * mebibyte,
  }),
  staff: supplement({
    endpoint: 'staff',
    path: ({ id }: OfFilm) => withQuery(pathForms.staff, { filmId: id }),
    read: readStaff,
    normalise: (value) => listOf(value, normaliseContributor),
    ttlSeconds: forAMonth,
    maxBytes: 4 * mebibyte,
  }),
  images: supplement({
    endpoint: 'images',
    path: ({ id, type, page }: OfFilm & { type: string; page: number }) =>
      withQuery(ofOne('images')({ id }), { type, page }),
    read: readImages,
    normalise: (value, { page }) => pageOf(value, page, 20, normaliseImage),
    ttlSeconds: forAMonth,
  }),
  similars: supplement({
    endpoint: 'similars',
    path: ofOne('similars'),
    read: readRelated,
    normalise: (value) => listOf(value, normaliseRelated),
    ttlSeconds: forAMonth,
  }),
  sequels: supplement({
    endpoint: 'sequels',
    path: ofOne('sequels'),
    read: readRelated,
    normalise: (value) => listOf(value, normaliseRelated),
    ttlSeconds: forAMonth,
  }),
  facts: supplement({
    endpoint: 'facts',
    path: ofOne('facts'),
    read: readFacts,
    normalise: (value) => listOf(value, normaliseFact),
    ttlSeconds: forAMonth,
  }),
  reviews: supplement({
    endpoint: 'reviews',
    path: ({ id, order, page }: OfFilm & { order: string; page: number }) =>
      withQuery(ofOne('reviews')({ id }), { order, page }),
    read(value, onOdd) {
      const reviews = readReviews(value, onOdd)
      return reviews && { ...reviews, totals: readReviewTotals(value, onOdd) ?? {} }
    },
    // Upstream names no last page.
    normalise: (value, { page }) => ({
      ...pageOf(value, page, 100, normaliseReview),
      ...normaliseReviewTotals(value.totals),
    }),
    ttlSeconds: forAWeek,
    maxBytes: 4 * mebibyte,
  }),
  videos: supplement({
    endpoint: 'videos',
    path: ofOne('videos'),
    read: readVideos,
    normalise: (value) => listOf(value, normaliseVideo),
    ttlSeconds: forAWeek,
  }),
  person: supplement({
    endpoint: 'person',
    path: ofOne('person'),
    read: readerOf(Person),
    normalise: normaliseProfile,
    ttlSeconds: forAMonth,
    maxBytes: 4 * mebibyte,
  }),
  premieres: supplement({
    endpoint: 'premieres',
    path: ({ year, month }: { year: number; month: number }) =>
      withQuery(pathForms.premieres, { year, month: months[month - 1] ?? '' }),
    read: readSelected,
    normalise: (value) => listOf(value, normalisePremiere),
    // The list of a month that is over changes no more.
    ttlSeconds: (_, { year, month }) => (Date.UTC(year, month) < Date.now() ? 30 * day : day),
    discover: discoverSelected,
  }),
  collections: supplement({
    endpoint: 'collections',
    path: ({ type, page }: { type: string; page: number }) => withQuery(pathForms.collections, { type, page }),
    read: readSelected,
    normalise: (value, { page }) => pageOf(value, page, 50, normaliseSelected),
    ttlSeconds: (_, { type }) => (/POPULAR|RELEASES/.test(type) ? day : 7 * day),
    discover: discoverSelected,
  }),
}

export type SupplementName = keyof typeof supplements
type Row<N extends SupplementName> = (typeof supplements)[N]
export type SupplementQuery<N extends SupplementName> = Parameters<Row<N>['path']>[0]
export type SupplementResult<N extends SupplementName> = ReturnType<Row<N>['normalise']>

/** The request of a row with a query, and what comes of its response. */
export function supplementOf<N extends SupplementName>(name: N, query: SupplementQuery<N>) {
  // Which row it is, is not known where the name is a parameter.
  const row = supplements[name] as unknown as Supplement<SupplementQuery<N>, object, SupplementResult<N>>
  return requestOf(row, query)
}

const months = [
  ...['JANUARY', 'FEBRUARY', 'MARCH', 'APRIL', 'MAY', 'JUNE'],
  ...['JULY', 'AUGUST', 'SEPTEMBER', 'OCTOBER', 'NOVEMBER', 'DECEMBER'],
]
