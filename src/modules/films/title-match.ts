import { distance, maxEdits } from '../../text/edit-distance.ts'
import type { FilmRepository, Match } from './repository.ts'

type Names = Pick<FilmRepository, 'readWords' | 'hasPart' | 'findLike'>

/** How names must match `q`: they contain it; or, if none does, they are nearest to it. */
export async function findMatch(films: Names, q: string): Promise<Match> {
  const words = await films.readWords(q)
  if (words === '') return { signs: q.normalize('NFC') }
  if (maxEdits(words) === 0 || (await films.hasPart(words))) return { part: words }
  const near = (await films.findLike(words)).map((film) => ({ id: film.id, edits: distance(words, film.words) }))
  const fewest = Math.min(...near.map((film) => film.edits))
  return { ids: near.filter((film) => film.edits === fewest && Number.isFinite(fewest)).map((film) => film.id) }
}
