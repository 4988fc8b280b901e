import { distance, maxEdits } from '../../text/edit-distance.ts'
import type { FilmRepository, Match } from './repository.ts'

type Names = Pick<FilmRepository, 'hasPart' | 'findLike'>

/** No film. */
export const nothing: Match = { ids: [] }

/**
 * How names must match the words of a query, of which there is one: they contain them; or, if none does, they are
 * nearest to them. Undefined when looking for the nearest took too long.
 */
export async function findMatch(films: Names, words: string): Promise<Match | undefined> {
  if (maxEdits(words) === 0 || (await films.hasPart(words))) return { part: words }
  const found = await films.findLike(words)
  if (!found) return undefined
  const near = found.map((film) => ({ id: film.id, edits: distance(words, film.words) }))
  const fewest = Math.min(...near.map((film) => film.edits))
  return { ids: near.filter((film) => film.edits === fewest && Number.isFinite(fewest)).map((film) => film.id) }
}
