import { minOwnId } from '../db/schema/films.ts'

export { maxMinutes, minOwnId } from '../db/schema/films.ts'

/** An id up to here is the film's id at Kinopoisk. Which of them upstream is asked about: kinopoisk/store/id-range.ts. */
export const maxKinopoiskId = minOwnId - 1

export function isOwnId(id: number): boolean {
  return id >= minOwnId
}

/** SQL: the id at Kinopoisk of a row of films, or null. Literal, so that no statement takes it as a parameter. */
export const kinopoiskIdSql = `case when films.id < ${minOwnId} then films.id end`
