import { address, count, moment, name, personName, poster, text } from '../values.ts'
import type { Contributor, Fact, Image, RelatedFilm, Review, ReviewTotals, Video } from './schemas.ts'
import type { MergedSeason } from './seasons.ts'
import { day, plainText } from './values.ts'

/** What stands with every film of a list. */
export function filmNames({ filmId: id, nameRu, nameEn, nameOriginal }: Omit<RelatedFilm, 'relationType'>) {
  const original = name(nameOriginal) ?? name(nameEn)
  return { id, kinopoisk_id: id, title: name(nameRu) ?? original ?? String(id), original_title: original }
}

/** A similar film, a sequel or a prequel. */
export function normaliseRelated(film: RelatedFilm) {
  return {
    ...filmNames(film),
    poster_url: poster(film.posterUrl),
    poster_preview_url: poster(film.posterUrlPreview),
    relation: text(film.relationType),
  }
}

/** An episode that comes twice is one. */
export function normaliseSeason({ number, episodes }: MergedSeason) {
  const all = episodes.map((episode) => {
    const original = name(episode.nameEn)
    return {
      number: episode.episodeNumber,
      title: name(episode.nameRu) ?? original,
      original_title: original,
      synopsis: text(episode.synopsis),
      release_date: day(episode.releaseDate),
    }
  })
  return { number, episodes: [...new Map(all.map((episode) => [JSON.stringify(episode), episode])).values()] }
}

export function hasNewEpisodes(seasons: { episodes: { release_date: string | null }[] }[]): boolean {
  const dates = seasons.flatMap(({ episodes }) => episodes.map((episode) => episode.release_date ?? ''))
  const newest = dates.reduce((latest, date) => (date > latest ? date : latest), '')
  return newest === '' || Date.parse(newest) > Date.now() - 365 * 86_400_000
}

export function normaliseContributor(person: Contributor) {
  const original = personName(person.nameEn)
  return {
    id: person.staffId,
    name: personName(person.nameRu) ?? original,
    original_name: original,
    role: text(person.description),
    profession: text(person.professionKey),
    profession_name: text(person.professionText),
    photo_url: poster(person.posterUrl),
  }
}

// An image or a video without an address that can be opened, and a fact without text, are none.
export function normaliseImage({ imageUrl, previewUrl }: Image) {
  const url = address(imageUrl)
  return url === null ? undefined : { url, preview_url: address(previewUrl) }
}

export function normaliseFact(fact: Fact) {
  const words = plainText(fact.text)
  return words === null ? undefined : { type: text(fact.type), text: words, spoiler: fact.spoiler ?? null }
}

export function normaliseVideo(video: Video) {
  const url = address(video.url)
  return url === null ? undefined : { url, name: plainText(video.name), site: text(video.site) }
}

export function normaliseReview(review: Review) {
  return {
    id: review.kinopoiskId,
    type: text(review.type),
    date: moment(review.date),
    positive_votes: count(review.positiveRating),
    negative_votes: count(review.negativeRating),
    author: name(review.author),
    title: plainText(review.title),
    text: plainText(review.description),
  }
}

export function normaliseReviewTotals(totals: ReviewTotals) {
  return {
    total_positive: count(totals.totalPositiveReviews),
    total_negative: count(totals.totalNegativeReviews),
    total_neutral: count(totals.totalNeutralReviews),
  }
}
