import { maxKinopoiskId, minOwnId } from '../../catalogue/film-ids.ts'
import { inputFault } from '../../errors.ts'
import { readFilmReference } from '../../text/film-reference.ts'
import { toVisible } from '../../text/search-key.ts'

const maxId = 2_147_483_647

/** The id in a path: of Kinopoisk or of a film made here as a number, of IMDb as text. @throws {AppError} invalid_input */
export function readMovieId(text: string): number | string {
  if (/^[1-9]\d{0,9}$/.test(text) && Number(text) <= maxId) return Number(text)
  const reference = readFilmReference(toVisible(text))
  if (reference === undefined) {
    throw inputFault(
      'params.id',
      `must be a Kinopoisk id (1 to ${maxKinopoiskId}), the id of a film made here (${minOwnId} to ${maxId}), ` +
        'or an IMDb id such as tt0133093',
    )
  }
  return 'imdbId' in reference ? reference.imdbId : reference.kinopoiskId
}
