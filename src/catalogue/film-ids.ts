/** An id up to here is the film's id at Kinopoisk. */
export const maxKinopoiskId = 10_000_000

/** An id from here on is of a film made here; there is none in between. See db/schema/films.ts. */
export const minOwnId = 1_000_000_000

export function isOwnId(id: number): boolean {
  return id >= minOwnId
}

/** SQL: the id at Kinopoisk of a row of films, or null. Literal, so that no statement takes it as a parameter. */
export const kinopoiskIdSql = `case when films.id < ${minOwnId} then films.id end`
