import type { FilmFact } from './films.ts'

export interface Vote {
  film: FilmFact
  rating: number
}

/** Some 25 films with ratings 1..10: always the same ones for the same user. */
export function votesOf(user: number, films: readonly FilmFact[]): Vote[] {
  const drawn = films.map((film) => ({ film, lot: mix(user, film.id) })).sort((a, b) => a.lot - b.lot)
  return drawn.slice(0, 22 + (mix(user, 0) % 7)).map(({ film, lot }) => ({ film, rating: 1 + (lot % 10) }))
}

function mix(user: number, film: number): number {
  let hash = Math.imul(user, 0x9e3779b1) ^ Math.imul(film, 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39)
  return (hash ^ (hash >>> 15)) >>> 0
}
