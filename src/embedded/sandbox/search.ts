import type { FilmFact } from './films.ts'

interface Indexed {
  film: FilmFact
  names: string[]
}

/** Finds films by name, best match first and among equals the most voted first. */
export function createSearch(films: readonly FilmFact[]): (keyword: string) => FilmFact[] {
  const filmsWith = indexWords(films.map((film) => ({ film, names: namesOf(film) })))
  return (keyword) => {
    const wanted = plain(keyword)
    if (wanted === '') return []
    // Only a film that has all the words can be near at all.
    const candidates = wanted.split(' ').map(filmsWith)
    return [...candidates.reduce((all, some) => all.intersection(some))]
      .map(({ film, names }) => ({ film, score: Math.max(0, ...names.map((name) => closeness(name, wanted))) }))
      .filter(({ score }) => score > 0)
      .sort((a, b) => b.score - a.score || (b.film.votes ?? 0) - (a.film.votes ?? 0) || a.film.id - b.film.id)
      .map(({ film }) => film)
  }
}

/** A film's words are few, so to look through all different ones is quicker than through all films. */
function indexWords(films: Indexed[]): (part: string) => Set<Indexed> {
  const vocabulary = new Map<string, Set<Indexed>>()
  for (const film of films) {
    for (const word of film.names.flatMap((name) => name.split(' '))) {
      const having = vocabulary.get(word)
      if (having) having.add(film)
      else vocabulary.set(word, new Set([film]))
    }
  }
  return (part) => {
    const found = new Set<Indexed>()
    for (const [word, having] of vocabulary) {
      if (word.includes(part)) for (const film of having) found.add(film)
    }
    return found
  }
}

// The two names together are a third, so that a keyword may mix both languages.
function namesOf(film: FilmFact): string[] {
  const names = [film.name_ru, film.name_original].filter((name) => name !== null).map(plain)
  return [...names, names.join(' ')]
}

function closeness(name: string, wanted: string): number {
  if (name === wanted) return 4
  if (name.startsWith(wanted)) return 3
  if (name.includes(wanted)) return 2
  return wanted.split(' ').every((word) => name.includes(word)) ? 1 : 0
}

function plain(text: string): string {
  const letters = text.normalize('NFC').toLowerCase().replaceAll('ё', 'е')
  return letters.replaceAll(/[^\p{L}\p{M}\p{N}]+/gu, ' ').trim()
}
