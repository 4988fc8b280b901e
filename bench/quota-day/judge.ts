import type { FilmFact } from '../../src/embedded/sandbox/films.ts'
import { createSearch } from '../../src/embedded/sandbox/search.ts'
import type { UserRequest } from './traffic.ts'

/** What a reader takes from an answer; `how` is how it is labelled. */
export interface Reply {
  how: 'full' | 'stale' | 'partial' | 'local' | 'error'
  films: { id: number; title: string; year: number | null }[]
  /** Of an error. */
  code?: string
}

/** As labelled where it is useful; `useless` is a 200 that does not help. */
export type Verdict = Reply['how'] | 'useless'
export const verdicts = ['full', 'stale', 'partial', 'local', 'useless', 'error'] as const
export const useful = ['full', 'stale', 'partial', 'local'] as const

const pageSize = 20

/**
 * Judges by the facts. Details are useful when they are of the film; a search, when the film is on its page or the page is
 * the one that upstream gives.
 */
export function createJudge(films: readonly FilmFact[]): (request: UserRequest, reply: Reply) => Verdict {
  const byId = new Map(films.map((film) => [film.id, film]))
  const search = createSearch(films)
  const pages = new Map<string, string>()
  const pageOf = (query: string) => {
    const page = pages.get(query) ?? ids(search(query).slice(0, pageSize))
    pages.set(query, page)
    return page
  }
  const isRight = ({ id, title, year }: Reply['films'][number]) => {
    const fact = byId.get(id)
    return fact !== undefined && title === (fact.name_ru ?? fact.name_original) && year === fact.year
  }
  return ({ film, query }, { how, films: told }) => {
    if (how === 'error') return 'error'
    const helps = told.some(({ id }) => id === film.id) || (query !== undefined && ids(told) === pageOf(query))
    return helps && told.every(isRight) ? how : 'useless'
  }
}

function ids(films: readonly { id: number }[]): string {
  return films.map(({ id }) => id).join()
}
