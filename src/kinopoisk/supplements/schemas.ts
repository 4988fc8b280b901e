import { type Static, Type } from '@sinclair/typebox'
import { countries, FilmId, flag, genres, maybe, number, text } from '../schemas.ts'

// What upstream sends beside details. Only what names a row is required; reader.ts leaves out the rest where it is odd.
const id = (...aliases: string[]) => Type.Integer({ minimum: 1, maximum: 2_147_483_647, aliases })

/** A film of a list. Of the names for one member upstream uses one in one endpoint and another in the next. */
const FilmNames = { filmId: FilmId('kinopoiskId'), nameRu: text, nameEn: text, nameOriginal: text }
const posters = { posterUrl: text, posterUrlPreview: text }

export const RelatedFilm = Type.Object({ ...FilmNames, ...posters, relationType: text })
export type RelatedFilm = Static<typeof RelatedFilm>

/** Of premieres and collections; the ratings' second spelling is that of the published schema. */
export const SelectedFilm = Type.Object({
  ...FilmNames,
  ...posters,
  imdbId: text,
  coverUrl: text,
  logoUrl: text,
  type: text,
  year: number,
  filmLength: number,
  duration: number,
  description: text,
  ratingKinopoisk: number,
  ratingImdb: number,
  ratingImbd: number,
  ratingAgeLimits: text,
  countries,
  genres,
  premiereRu: text,
})
export type SelectedFilm = Static<typeof SelectedFilm>

export const Season = Type.Object({
  number: Type.Integer({ minimum: 0 }),
  episodes: maybe(
    Type.Array(
      Type.Object({
        episodeNumber: Type.Union([Type.Integer({ minimum: 0 }), Type.String()]),
        nameRu: text,
        nameEn: text,
        synopsis: text,
        releaseDate: text,
      }),
    ),
  ),
})
export type Season = Static<typeof Season>

export const Contributor = Type.Object({
  staffId: id('personId'),
  nameRu: text,
  nameEn: text,
  description: text,
  posterUrl: text,
  professionText: text,
  professionKey: text,
})
export type Contributor = Static<typeof Contributor>

export const Image = Type.Object({ imageUrl: Type.String(), previewUrl: text })
export type Image = Static<typeof Image>

export const Fact = Type.Object({ text: Type.String(), type: text, spoiler: flag })
export type Fact = Static<typeof Fact>

export const Video = Type.Object({ url: Type.String(), name: text, site: text })
export type Video = Static<typeof Video>

export const Review = Type.Object({
  kinopoiskId: id('reviewId'),
  type: text,
  date: text,
  positiveRating: number,
  negativeRating: number,
  author: text,
  title: text,
  description: text,
})
export type Review = Static<typeof Review>

/** What stands beside the reviews of a page, about all pages. */
export const ReviewTotals = Type.Object({
  totalPositiveReviews: number,
  totalNegativeReviews: number,
  totalNeutralReviews: number,
})
export type ReviewTotals = Static<typeof ReviewTotals>

export const Person = Type.Object({
  personId: id('staffId'),
  webUrl: text,
  nameRu: text,
  nameEn: text,
  sex: text,
  posterUrl: text,
  growth: number,
  birthday: text,
  death: text,
  age: number,
  birthplace: text,
  deathplace: text,
  hasAwards: number,
  profession: text,
  facts: maybe(Type.Array(Type.String())),
  films: maybe(
    Type.Array(Type.Object({ ...FilmNames, rating: number, general: flag, description: text, professionKey: text })),
  ),
})
export type Person = Static<typeof Person>
