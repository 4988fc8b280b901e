import type { FilmRepository, Match } from './repository.ts'
import { forgiven, slips } from './typos.ts'

type Names = Pick<FilmRepository, 'readWords' | 'hasPart' | 'findLike'>

/** How the names have to match that are meant by `q`: to hold it; or, when none does, to be nearest to it. */
export async function findMatch(films: Names, q: string): Promise<Match> {
  const words = await films.readWords(q)
  if (words === '') return { signs: q.normalize('NFC') }
  if (forgiven(words) === 0 || (await films.hasPart(words))) return { part: words }
  const near = (await films.findLike(words)).map((film) => ({ id: film.id, slips: distance(words, film.words) }))
  const fewest = Math.min(...near.map((film) => film.slips))
  return { ids: near.filter((film) => film.slips === fewest && Number.isFinite(fewest)).map((film) => film.id) }
}

/** Slips of the whole, or of all its words wherever they are; infinite when there are more than can be forgiven. */
function distance(words: string, text: string): number {
  const each = words.split(' ').map((word) => pardoned(word, text))
  return Math.min(
    pardoned(words, text),
    each.reduce((sum, slips) => sum + slips, 0),
  )
}

function pardoned(part: string, text: string): number {
  const count = slips(part, text)
  return count <= forgiven(part) ? count : Number.POSITIVE_INFINITY
}
