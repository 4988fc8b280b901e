import { createExtras } from './extras.ts'
import type { FilmFact } from './films.ts'
import { createFiltered } from './filtered.ts'
import type { Usage } from './limits.ts'
import { cutPage, PAGE_SIZE, readInteger } from './paging.ts'
import { failure, type Reply } from './reply.ts'
import type { Endpoint, SandboxRequest } from './request.ts'
import { createSearch } from './search.ts'
import { createSelections } from './selections.ts'
import { filmDetails, searchItem, staffOf, voteItem } from './shapes.ts'
import { createSupplements } from './supplements.ts'
import { votesOf } from './votes.ts'

// Upstream names 10 000 000, and may have gone beyond it.
const LAST_FILM_ID = 999_999_999
const LAST_SEARCH_PAGE = 20
const LAST_VOTES_PAGE = 100

export function createReplies(
  films: readonly FilmFact[],
  usage: (apiKey: string) => Usage,
): Record<Endpoint, (request: SandboxRequest) => Reply> {
  const byId = new Map(films.map((film) => [film.id, film]))
  const search = createSearch(films)
  return {
    film: ({ argument }) => aboutFilm(byId, argument, filmDetails),
    staff: ({ query }) => aboutFilm(byId, query.get('filmId') ?? '', staffOf),
    search: ({ query }) => searchPage(search, query),
    ...createSupplements(films, (id, shape) => aboutFilm(byId, id, shape)),
    ...createSelections(films),
    ...createFiltered(films, search),
    ...createExtras(films, (id, shape) => aboutFilm(byId, id, shape)),
    votes: ({ argument, query }) => votesPage(films, argument, query),
    api_key: ({ argument }) => ({ status: 200, body: account(usage(argument)) }),
    other: () => failure(404, 'No such path'),
  }
}

function aboutFilm(byId: Map<number, FilmFact>, text: string, shape: (film: FilmFact) => unknown): Reply {
  const id = readInteger(text, LAST_FILM_ID)
  if (id === undefined) return failure(400, `The film id must be an integer from 1 to ${LAST_FILM_ID}`)
  const film = byId.get(id)
  return film === undefined ? failure(404, `No film with id ${id}`) : { status: 200, body: shape(film) }
}

function searchPage(search: (keyword: string) => FilmFact[], query: URLSearchParams): Reply {
  const keyword = query.get('keyword') ?? ''
  const page = readInteger(query.get('page') ?? '1', LAST_SEARCH_PAGE)
  if (keyword.trim() === '') return failure(400, 'The keyword is missing')
  if (page === undefined) return failure(400, `The page must be an integer from 1 to ${LAST_SEARCH_PAGE}`)
  const found = search(keyword)
  const body = {
    keyword,
    // Rounded as upstream rounds it: 0 pages with one result, and the last, short page is not counted.
    pagesCount: Math.min(LAST_SEARCH_PAGE, Math.round(found.length / PAGE_SIZE)),
    films: cutPage(found, page).map(searchItem),
    searchFilmsCountResult: found.length,
  }
  return { status: 200, body }
}

function votesPage(films: readonly FilmFact[], argument: string, query: URLSearchParams): Reply {
  const user = readInteger(argument, Number.MAX_SAFE_INTEGER)
  const page = readInteger(query.get('page') ?? '1', LAST_VOTES_PAGE)
  if (user === undefined) return failure(400, 'The user id must be an integer')
  if (page === undefined) return failure(400, `The page must be an integer from 1 to ${LAST_VOTES_PAGE}`)
  const votes = votesOf(user, films)
  const items = cutPage(votes, page).map(({ film, rating }) => voteItem(film, rating))
  return { status: 200, body: { total: votes.length, totalPages: Math.ceil(votes.length / PAGE_SIZE), items } }
}

function account({ total, today, dailyQuota }: Usage) {
  return {
    totalQuota: { value: -1, used: total },
    dailyQuota: { value: dailyQuota, used: today },
    accountType: 'FREE',
  }
}
