import type { FilmFact } from './films.ts'
import { cutPage, PAGE_SIZE, readInteger } from './paging.ts'
import { createPeople } from './people.ts'
import { failure, type Reply } from './reply.ts'
import type { SandboxRequest } from './request.ts'
import { isSerial, posters } from './shapes.ts'

type OfFilm = (id: string, shape: (film: FilmFact) => unknown) => Reply

const LAST_IMAGE_PAGE = 20
const IMAGES: Record<string, number> = { STILL: 27, POSTER: 3, WALLPAPER: 1 }

/** What upstream has beside details: invented, and always the same for a film. */
export function createSupplements(films: readonly FilmFact[], ofFilm: OfFilm) {
  const list = (items: unknown[]) => ({ total: items.length, items })
  const relatives = createRelatives(films)
  return {
    seasons: ({ argument }: SandboxRequest) => ofFilm(argument, (film) => list(seasonsOf(film))),
    images: ({ argument, query }: SandboxRequest) => imagePage(ofFilm, argument, query),
    similars: ({ argument }: SandboxRequest) =>
      ofFilm(argument, (film) => list(similarTo(film, films).map((each) => related(each, 'SIMILAR')))),
    sequels: ({ argument }: SandboxRequest) => ofFilm(argument, relatives),
    facts: ({ argument }: SandboxRequest) => ofFilm(argument, (film) => list(factsOf(film))),
    reviews: ({ argument, query }: SandboxRequest) => reviewPage(ofFilm, argument, query),
    videos: ({ argument }: SandboxRequest) => ofFilm(argument, (film) => list(videosOf(film))),
    person: createPeople(films),
  }
}

function related(film: FilmFact, relationType: string) {
  return {
    filmId: film.id,
    nameRu: film.name_ru,
    nameEn: '',
    nameOriginal: film.name_original,
    ...posters(film),
    relationType,
  }
}

function similarTo({ id, genres: [genre] }: FilmFact, films: readonly FilmFact[]): FilmFact[] {
  const alike = films.filter((film) => film.id !== id && film.genres[0] === genre)
  return alike.toSorted((a, b) => (b.votes ?? 0) - (a.votes ?? 0) || a.id - b.id).slice(0, 10)
}

/** Films whose names begin alike, up to a colon or a number: a bare array, as upstream sends it. */
function createRelatives(films: readonly FilmFact[]) {
  const stem = ({ name_ru, name_original }: FilmFact) =>
    (name_ru ?? name_original ?? '')
      .split(/[:.\d(]/, 1)[0]
      ?.trim()
      .toLowerCase() ?? ''
  const byStem = Map.groupBy(films, stem)
  return (film: FilmFact) => {
    const others = (byStem.get(stem(film)) ?? []).filter(({ id }) => id !== film.id && stem(film) !== '')
    return others.map((other) => related(other, (other.year ?? 0) < (film.year ?? 0) ? 'PREQUEL' : 'SEQUEL'))
  }
}

function seasonsOf(film: FilmFact) {
  if (!isSerial(film)) return []
  const first = film.start_year ?? film.year ?? 2000
  const years = Math.min(8, Math.max(1, (film.end_year ?? first + 1) - first + 1))
  return Array.from({ length: years }, (_, season) => ({
    number: season + 1,
    episodes: Array.from({ length: 8 }, (_, episode) => ({
      seasonNumber: season + 1,
      episodeNumber: episode + 1,
      nameRu: `Серия ${episode + 1}`,
      nameEn: `Episode ${episode + 1}`,
      synopsis: null,
      releaseDate: `${first + season}-09-${String(3 * episode + 1).padStart(2, '0')}`,
    })),
  }))
}

function imagePage(ofFilm: OfFilm, argument: string, query: URLSearchParams): Reply {
  const type = query.get('type') ?? 'STILL'
  const page = readInteger(query.get('page') ?? '1', LAST_IMAGE_PAGE)
  if (page === undefined) return failure(400, `The page must be an integer from 1 to ${LAST_IMAGE_PAGE}`)
  return ofFilm(argument, (film) => {
    const urls = Array.from({ length: IMAGES[type] ?? 0 }, (_, i) => {
      const url = `https://avatars.mds.yandex.net/get-kinopoisk-image/${film.id}/${type.toLowerCase()}-${i + 1}`
      return { imageUrl: `${url}/orig`, previewUrl: `${url}/300x` }
    })
    return { total: urls.length, totalPages: Math.ceil(urls.length / PAGE_SIZE), items: cutPage(urls, page) }
  })
}

function factsOf(film: FilmFact) {
  const name = film.name_ru ?? film.name_original ?? film.id
  // With the markup that upstream has in it.
  return [
    {
      text: `Название &#171;${name}&#187; придумал <a href="/name/${9_000_000 + film.id}/" class="all">сценарист</a>.`,
      type: 'FACT',
      spoiler: false,
    },
    { text: 'В одной из сцен в зеркале видно оператора.', type: 'BLOOPER', spoiler: false },
  ]
}

function reviewPage(ofFilm: OfFilm, argument: string, query: URLSearchParams): Reply {
  const page = readInteger(query.get('page') ?? '1', Number.MAX_SAFE_INTEGER)
  if (page === undefined) return failure(400, 'The page must be an integer from 1')
  return ofFilm(argument, (film) => {
    const reviews = reviewsOf(film)
    const count = (type: string) => reviews.filter((review) => review.type === type).length
    return {
      total: reviews.length,
      totalPages: Math.ceil(reviews.length / PAGE_SIZE),
      totalPositiveReviews: count('POSITIVE'),
      totalNegativeReviews: count('NEGATIVE'),
      totalNeutralReviews: count('NEUTRAL'),
      items: cutPage(query.get('order') === 'DATE_ASC' ? reviews.toReversed() : reviews, page),
    }
  })
}

/** The newest first. */
function reviewsOf(film: FilmFact) {
  const kinds = ['POSITIVE', 'NEUTRAL', 'POSITIVE', 'NEGATIVE']
  return Array.from({ length: 5 + (film.id % 20) }, (_, i) => ({
    kinopoiskId: film.id * 30 + i,
    type: kinds[i % kinds.length] ?? 'UNKNOWN',
    date: `${2024 - i}-05-${String((film.id % 28) + 1).padStart(2, '0')}T20:37:00`,
    positiveRating: (film.id + 7 * i) % 200,
    negativeRating: (film.id + 3 * i) % 20,
    author: `Зритель ${i + 1}`,
    title: i % 3 === 0 ? null : 'Мнение',
    description: '<b>Стоит</b> посмотреть ещё раз.',
  }))
}

function videosOf(film: FilmFact) {
  const name = film.name_ru ?? film.name_original ?? String(film.id)
  const query = new URLSearchParams({ search_query: `${name} ${film.year ?? ''} трейлер` })
  return [{ url: `https://www.youtube.com/results?${query}`, name: `${name} – трейлер`, site: 'YOUTUBE' }]
}
