import type { FilmFact } from './films.ts'
import { cutPage, PAGE_SIZE, readInteger } from './paging.ts'
import { failure, type Reply } from './reply.ts'
import type { SandboxRequest } from './request.ts'
import { isSerial, listItem, posters, tags } from './shapes.ts'

const LAST_PAGE = 50
const MONTHS = [
  ...['JANUARY', 'FEBRUARY', 'MARCH', 'APRIL', 'MAY', 'JUNE'],
  ...['JULY', 'AUGUST', 'SEPTEMBER', 'OCTOBER', 'NOVEMBER', 'DECEMBER'],
]

const byVotes = (a: FilmFact, b: FilmFact) => (b.votes ?? 0) - (a.votes ?? 0) || a.id - b.id
const byRating = (a: FilmFact, b: FilmFact) => (b.rating ?? 0) - (a.rating ?? 0) || byVotes(a, b)
const isMovie = (film: FilmFact) => !isSerial(film)
const ofGenre = (genre: string) => (film: FilmFact) => film.genres.includes(genre)

const COLLECTIONS: Record<string, [has: (film: FilmFact) => boolean, order: typeof byVotes]> = {
  TOP_POPULAR_ALL: [() => true, byVotes],
  TOP_POPULAR_MOVIES: [isMovie, byVotes],
  TOP_250_TV_SHOWS: [isSerial, byRating],
  TOP_250_MOVIES: [isMovie, byRating],
  VAMPIRE_THEME: [ofGenre('ужасы'), byVotes],
  COMICS_THEME: [ofGenre('фантастика'), byVotes],
  CLOSES_RELEASES: [(film) => film.await_percent !== null, byVotes],
  FAMILY: [ofGenre('семейный'), byVotes],
  OSKAR_WINNERS_2021: [(film) => film.year === 2020, byVotes],
  LOVE_THEME: [ofGenre('мелодрама'), byVotes],
  ZOMBIE_THEME: [ofGenre('ужасы'), byRating],
  CATASTROPHE_THEME: [ofGenre('триллер'), byVotes],
  KIDS_ANIMATION_THEME: [ofGenre('мультфильм'), byVotes],
  POPULAR_SERIES: [isSerial, byVotes],
}

export function createSelections(films: readonly FilmFact[]) {
  return {
    premieres: ({ query }: SandboxRequest) => premieres(films, query),
    collections: ({ query }: SandboxRequest) => collectionPage(films, query),
  }
}

export interface Month {
  year: number
  /** From 0. */
  month: number
}

export function monthOf(query: URLSearchParams): Month | undefined {
  const year = readInteger(query.get('year') ?? '', 9999)
  const month = MONTHS.indexOf(query.get('month') ?? '')
  return year === undefined || month < 0 ? undefined : { year, month }
}

/** The day that a film opened is not among our facts: it is taken from the id. */
export function premieresOf(films: readonly FilmFact[], { year, month }: Month): FilmFact[] {
  return films.filter((film) => film.year === year && film.id % MONTHS.length === month)
}

function premieres(films: readonly FilmFact[], query: URLSearchParams): Reply {
  const asked = monthOf(query)
  if (!asked) return failure(400, 'The year must be an integer, the month a name in capitals')
  const { year, month } = asked
  const found = premieresOf(films, asked)
  const items = found.map((film) => ({
    kinopoiskId: film.id,
    nameRu: film.name_ru ?? '',
    nameEn: film.name_original ?? '',
    year,
    ...posters(film),
    ...tags(film),
    duration: film.minutes,
    premiereRu: `${year}-${String(month + 1).padStart(2, '0')}-${String((film.id % 28) + 1).padStart(2, '0')}`,
  }))
  return { status: 200, body: { total: items.length, items } }
}

function collectionPage(films: readonly FilmFact[], query: URLSearchParams): Reply {
  const [has, order] = COLLECTIONS[query.get('type') ?? 'TOP_POPULAR_ALL'] ?? []
  const page = readInteger(query.get('page') ?? '1', LAST_PAGE)
  if (!has || !order) return failure(400, 'No such collection')
  if (page === undefined) return failure(400, `The page must be an integer from 1 to ${LAST_PAGE}`)
  const found = films.filter(has).toSorted(order).slice(0, 250)
  const items = cutPage(found, page).map((film) => ({
    ...listItem(film),
    coverUrl: null,
    logoUrl: null,
    description: film.description,
    ratingAgeLimits: film.age_limit,
  }))
  return { status: 200, body: { total: found.length, totalPages: Math.ceil(found.length / PAGE_SIZE), items } }
}
