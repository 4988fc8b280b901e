import { minOwnId } from '../../db/schema/films.ts'
import { choice, ordinal, page, whole } from '../parameters.ts'
import { pathOf } from '../path-forms.ts'
import { readerOf } from '../reader.ts'
import type { Rows } from '../rows.ts'
import { text } from '../values.ts'
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
import { collections, imageTypes, months, reviewOrders } from './names.ts'
import { normaliseProfile } from './person.ts'
import { Contributor, Fact, Image, Person, RelatedFilm, Review, ReviewTotals, SelectedFilm, Video } from './schemas.ts'
import { readSeasons } from './seasons.ts'
import { normalisePremiere, normaliseSelected, selectedPart } from './selection.ts'
import { mebibyte, requestOf, type Supplement, supplement } from './supplement.ts'

const day = 86_400
// Of any film, known or not.
const ofFilm = { id: whole(1, minOwnId - 1, 301) }
const forAMonth = () => 30 * day
const forAWeek = () => 7 * day

// A person has a row for each profession and part.
const readStaff = listReader(
  Contributor,
  (person) => `${person.staffId} ${person.professionKey} ${text(person.description)}`,
)
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
    summary: 'The seasons and episodes of a series',
    parameters: ofFilm,
    read: readSeasons,
    normalise: (value) => listOf(value, normaliseSeason),
    // A series without a new episode for a year is over, or pauses.
    ttlSeconds: ({ items }) => (hasNewEpisodes(items) ? day : 30 * day),
    maxBytes: 4 * mebibyte,
  }),
  staff: supplement({
    endpoint: 'staff',
    summary: 'The people who made a film',
    parameters: { id: { ...ofFilm.id, name: 'filmId' } },
    path: ({ id }) => pathOf('staff', { filmId: id }),
    read: readStaff,
    normalise: (value) => listOf(value, normaliseContributor),
    ttlSeconds: forAMonth,
    maxBytes: 4 * mebibyte,
  }),
  images: supplement({
    endpoint: 'images',
    summary: 'Stills, posters and other images of a film',
    parameters: { ...ofFilm, type: choice(imageTypes), page: page(20) },
    read: readImages,
    normalise: (value, { page }) => pageOf(value, page, 20, normaliseImage),
    ttlSeconds: forAMonth,
  }),
  similars: supplement({
    endpoint: 'similars',
    summary: 'Similar films',
    parameters: ofFilm,
    read: readRelated,
    normalise: (value) => listOf(value, normaliseRelated),
    ttlSeconds: forAMonth,
  }),
  sequels: supplement({
    endpoint: 'sequels',
    summary: 'Sequels, prequels and remakes of a film',
    parameters: ofFilm,
    read: readRelated,
    normalise: (value) => listOf(value, normaliseRelated),
    ttlSeconds: forAMonth,
  }),
  facts: supplement({
    endpoint: 'facts',
    summary: 'Facts and bloopers of a film',
    parameters: ofFilm,
    read: readFacts,
    normalise: (value) => listOf(value, normaliseFact),
    ttlSeconds: forAMonth,
  }),
  reviews: supplement({
    endpoint: 'reviews',
    summary: 'Reviews of a film by users of Kinopoisk',
    parameters: { ...ofFilm, order: choice(reviewOrders), page: page(1000) },
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
    summary: 'Trailers and other videos of a film',
    parameters: ofFilm,
    read: readVideos,
    normalise: (value) => listOf(value, normaliseVideo),
    ttlSeconds: forAWeek,
  }),
  person: supplement({
    endpoint: 'person',
    summary: 'A person with the films',
    parameters: { id: whole(1, 2_147_483_647, 41_477) },
    read: readerOf(Person),
    normalise: normaliseProfile,
    ttlSeconds: forAMonth,
    maxBytes: 4 * mebibyte,
  }),
  premieres: supplement({
    endpoint: 'premieres',
    summary: 'The films that open in Russian cinemas in a month',
    parameters: { year: whole(1000, 3000, 2024), month: ordinal(months) },
    path: ({ year, month }) => pathOf('premieres', { year, month: months[month - 1] ?? '' }),
    read: readSelected,
    normalise: (value) => listOf(value, normalisePremiere),
    // The list of a month that is over changes no more.
    ttlSeconds: (_, { year, month }) => (Date.UTC(year, month) < Date.now() ? 30 * day : day),
    discover: discoverSelected,
  }),
  collections: supplement({
    endpoint: 'collections',
    summary: 'A collection of films, such as the 250 best',
    parameters: { type: choice(collections), page: page(50) },
    read: readSelected,
    normalise: (value, { page }) => pageOf(value, page, 50, normaliseSelected),
    ttlSeconds: (_, { type }) => (/POPULAR|RELEASES/.test(type) ? day : 7 * day),
    discover: discoverSelected,
  }),
}

export type SupplementName = keyof typeof supplements
type Row<N extends SupplementName> = (typeof supplements)[N]
export type SupplementQuery<N extends SupplementName> = Parameters<Row<N>['normalise']>[1]
export type SupplementResult<N extends SupplementName> = ReturnType<Row<N>['normalise']>

/** The request of a row with a query, and what comes of its response. */
export function supplementOf<N extends SupplementName>(name: N, query: SupplementQuery<N>) {
  // Which row it is, is not known where the name is a parameter.
  const row = supplements[name] as unknown as Supplement<SupplementQuery<N>, object, SupplementResult<N>>
  return requestOf(row, query)
}
