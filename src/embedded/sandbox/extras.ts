import type { FilmFact } from './films.ts'
import { cutPage, PAGE_SIZE, readInteger } from './paging.ts'
import { failure, type Reply } from './reply.ts'
import type { SandboxRequest } from './request.ts'
import { monthOf, premieresOf } from './selections.ts'
import { posters, tags } from './shapes.ts'

type OfFilm = (id: string, shape: (film: FilmFact) => unknown) => Reply

/** What clients of upstream ask beside what we read ourselves: invented, and always the same for a film. */
export function createExtras(films: readonly FilmFact[], ofFilm: OfFilm) {
  const list = (items: unknown[]) => ({ total: items.length, items })
  return {
    distributions: ({ argument }: SandboxRequest) => ofFilm(argument, (film) => list(distributionsOf(film))),
    box_office: ({ argument }: SandboxRequest) => ofFilm(argument, (film) => list(boxOfficeOf(film))),
    awards: ({ argument }: SandboxRequest) => ofFilm(argument, (film) => list(awardsOf(film))),
    external_sources: ({ argument }: SandboxRequest) => ofFilm(argument, (film) => list(sourcesOf(film))),
    releases: ({ query }: SandboxRequest) => releasePage(films, query),
    persons: ({ query }: SandboxRequest) => personPage(films, query),
    media_posts: ({ query }: SandboxRequest) => postPage(films, query),
  }
}

const day = (film: FilmFact, month: number) =>
  film.year === null
    ? null
    : `${film.year}-${String(month).padStart(2, '0')}-${String((film.id % 28) + 1).padStart(2, '0')}`

function distributionsOf(film: FilmFact) {
  const [country = null] = film.countries
  const row = { subType: 'CINEMA', reRelease: false, companies: [] as object[] }
  return [
    { type: 'WORLD_PREMIER', ...row, date: day(film, 3), country: country && { country } },
    { type: 'PREMIERE', ...row, date: day(film, 5), country: { country: 'Россия' }, companies: [{ name: 'Прокат' }] },
  ]
}

function boxOfficeOf({ id, votes }: FilmFact) {
  const amount = 1_000_000 * (1 + (id % 90))
  const dollars = { currencyCode: 'USD', name: 'US Dollar', symbol: '$' }
  return [
    { type: 'BUDGET', amount, ...dollars },
    { type: 'WORLD', amount: amount + 10 * (votes ?? 0), ...dollars },
  ]
}

function awardsOf({ id, year, rating }: FilmFact) {
  if (rating === null || rating < 8) return []
  const award = { name: 'Премия песочницы', win: id % 2 === 0, imageUrl: null, year: (year ?? 2000) + 1 }
  return [{ ...award, nominationName: 'Лучший фильм', persons: [] }]
}

function sourcesOf({ id }: FilmFact) {
  const url = `https://www.kinopoisk.ru/film/${id}/`
  return [{ url, platform: 'Кинопоиск', logoUrl: null, positiveRating: id % 100, negativeRating: id % 7, author: '' }]
}

function releasePage(films: readonly FilmFact[], query: URLSearchParams): Reply {
  const month = monthOf(query)
  const page = readInteger(query.get('page') ?? '1', 1000)
  if (!month || page === undefined) return failure(400, 'The year and page must be integers, the month a name')
  const found = premieresOf(films, month)
  const releases = cutPage(found, page).map((film) => ({
    filmId: film.id,
    nameRu: film.name_ru,
    nameEn: film.name_original,
    year: film.year,
    ...posters(film),
    ...tags(film),
    rating: film.rating,
    ratingVoteCount: film.votes ?? 0,
    expectationsRating: film.await_percent,
    expectationsRatingVoteCount: 0,
    duration: film.minutes ?? 0,
    releaseDate: day(film, month.month + 1),
  }))
  return { status: 200, body: { page, total: found.length, releases } }
}

function personPage(films: readonly FilmFact[], query: URLSearchParams): Reply {
  const wanted = (query.get('name') ?? '').trim().toLowerCase()
  const page = readInteger(query.get('page') ?? '1', 2)
  if (wanted === '' || page === undefined) return failure(400, 'The name is missing, or the page is neither 1 nor 2')
  const people = new Map(films.flatMap((film) => film.directors).map((person) => [person.id, person]))
  const found = [...people.values()].filter(({ name_ru, name_en }) =>
    [name_ru, name_en].some((name) => name?.toLowerCase().includes(wanted)),
  )
  const items = cutPage(found, page).map(({ id, name_ru, name_en }) => ({
    kinopoiskId: id,
    webUrl: `https://www.kinopoisk.ru/name/${id}/`,
    nameRu: name_ru,
    nameEn: name_en,
    sex: null,
    posterUrl: `https://kinopoiskapiunofficial.tech/images/actor_posters/kp/${id}.jpg`,
  }))
  return { status: 200, body: { total: found.length, items } }
}

function postPage(films: readonly FilmFact[], query: URLSearchParams): Reply {
  const page = readInteger(query.get('page') ?? '1', 50)
  if (page === undefined) return failure(400, 'The page must be an integer from 1 to 50')
  const posts = films.slice(0, 25)
  const items = cutPage(posts, page).map((film) => ({
    kinopoiskId: film.id,
    imageUrl: posters(film).posterUrl,
    title: `О фильме «${film.name_ru ?? film.name_original ?? film.id}»`,
    description: 'Новость песочницы.',
    url: `https://www.kinopoisk.ru/media/news/${film.id}/`,
    publishedAt: '2026-03-01T12:00:00',
  }))
  return { status: 200, body: { total: posts.length, totalPages: Math.ceil(posts.length / PAGE_SIZE), items } }
}
