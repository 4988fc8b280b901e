import type { KnownFilms } from '../../kinopoisk/compatible/table.ts'
import type { MovieService } from '../movies/service.ts'

type Movies = Pick<MovieService, 'searchKnown' | 'findItemsByImdb'>
type Item = Awaited<ReturnType<Movies['findItemsByImdb']>>[number]
/** A film of Kinopoisk: clients of its API know no other ids. */
type KinopoiskItem = Item & { kinopoisk_id: number }

interface Found {
  total: number
  pages: number
  items: Item[]
}

const pictures = 'https://kinopoiskapiunofficial.tech/images/posters'

/**
 * Films known here in upstream's own form, as JSON; undefined where there is none: "nothing found" is not what is to be
 * said when upstream could not be asked.
 */
export function createKnownFilms(movies: Movies) {
  return async (wanted: KnownFilms, userId: number): Promise<string | undefined> => {
    const { items: all, ...rest } = await findAll(movies, wanted, userId)
    const items = all.filter(isOfKinopoisk).filter((item) => isOfYears(item, wanted))
    if (items.length === 0) return undefined
    const found = { ...rest, total: rest.total - (all.length - items.length) }
    return JSON.stringify(wanted.form === 'search' ? searchPage(wanted, found, items) : listPage(found, items))
  }
}

async function findAll(movies: Movies, { imdbId, keyword, page }: KnownFilms, userId: number): Promise<Found> {
  if (imdbId === undefined) return movies.searchKnown(keyword ?? '', page, userId)
  const items = page === 1 ? await movies.findItemsByImdb(imdbId) : []
  return { total: items.length, pages: 1, items }
}

function isOfKinopoisk(item: Item): item is KinopoiskItem {
  return item.kinopoisk_id !== null
}

function isOfYears({ year }: Item, { yearFrom = 0, yearTo = 9999 }: KnownFilms): boolean {
  return year === null || (year >= yearFrom && year <= yearTo)
}

function searchPage({ keyword }: KnownFilms, { pages, total }: Omit<Found, 'items'>, items: KinopoiskItem[]) {
  return { keyword, pagesCount: pages, films: items.map(searchItem), searchFilmsCountResult: total }
}

function listPage({ pages, total }: Omit<Found, 'items'>, items: KinopoiskItem[]) {
  return { total, totalPages: pages, items: items.map(listItem) }
}

/** As in upstream's search numbers are text, and what is not known is absent, or the text "null" where clients need one. */
function searchItem(item: KinopoiskItem) {
  const { kinopoisk_id: filmId, title, original_title, type, year, description, minutes, votes } = item
  return {
    filmId,
    nameRu: title,
    ...(original_title !== null && { nameEn: original_title }),
    type: type ?? 'UNKNOWN',
    year: String(year),
    ...(description !== null && { description }),
    ...(minutes !== null && { filmLength: hours(minutes) }),
    ...tags(item),
    rating: ratingText(item),
    ratingVoteCount: votes ?? 0,
    ...posters(item),
  }
}

function listItem(item: KinopoiskItem) {
  const { kinopoisk_id: kinopoiskId, imdb_id: imdbId, title, original_title, rating, year, type } = item
  return {
    ...{ kinopoiskId, imdbId, nameRu: title, nameEn: null, nameOriginal: original_title },
    ...tags(item),
    ...{ ratingKinopoisk: rating, ratingImdb: null, year, type: type ?? 'UNKNOWN' },
    ...posters(item),
  }
}

function ratingText({ rating, await_percent }: Item): string {
  if (rating !== null) return rating.toFixed(1)
  return await_percent === null ? 'null' : `${await_percent.toFixed(1)}%`
}

function hours(minutes: number): string {
  return [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, '0')).join(':')
}

function tags({ countries, genres }: Item) {
  return { countries: countries.map((country) => ({ country })), genres: genres.map((genre) => ({ genre })) }
}

function posters({ kinopoisk_id: id, poster_url, poster_preview_url }: KinopoiskItem) {
  return {
    posterUrl: poster_url ?? `${pictures}/kp/${id}.jpg`,
    posterUrlPreview: poster_preview_url ?? `${pictures}/kp_small/${id}.jpg`,
  }
}
