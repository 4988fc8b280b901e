import { AppError, type InputFault } from '../../errors.ts'
import { normalizeName } from '../../text/names.ts'
import type { FilmChange } from './schemas.ts'

const yearsAhead = 10

/** A body as the columns of a film: only what was named, text in one form, "" as null; `genres` as one list. */
export function readFilm(body: FilmChange, now: Date) {
  const { genre, genres } = body
  const film = {
    ...(body.name !== undefined && { name: normalizeName(body.name) }),
    ...(body.original_name !== undefined && { original_name: normalizeName(body.original_name ?? '') || null }),
    ...(body.director_id !== undefined && { director_id: body.director_id }),
    ...(body.rate !== undefined && { rate: body.rate }),
    ...(body.year !== undefined && { year: body.year }),
    ...(body.minutes !== undefined && { minutes: body.minutes }),
    ...(body.description !== undefined && { description: body.description || null }),
    ...(body.trailer !== undefined && { trailer: body.trailer || null }),
    ...(body.poster_url !== undefined && { poster_url: body.poster_url || null }),
    ...((genre !== undefined || genres) && {
      genres: [...(genre ? [genre] : []), ...(genres ?? [])].map(normalizeName),
    }),
  }
  refuse(faults(film, now.getUTCFullYear() + yearsAhead))
  return film
}

export type FilmInput = ReturnType<typeof readFilm>

/** What the schema can't say. */
function faults({ name, original_name, rate, year, genres }: FilmInput, lastYear: number): InputFault[] {
  const faults: InputFault[] = []
  const check = (fine: boolean, path: string, message: string) => {
    if (!fine) faults.push({ path: `body.${path}`, message })
  }
  // Not `multipleOf: 0.01`: 8.29 is none, by the floating point.
  check(rate === undefined || Number(rate.toFixed(2)) === rate, 'rate', 'must have at most 2 decimals')
  check(year === undefined || year <= lastYear, 'year', `must be <= ${lastYear}`)
  // The composed form of a few characters is longer.
  check((name?.length ?? 1) <= 500, 'name', 'must NOT have more than 500 characters')
  check((original_name?.length ?? 1) <= 500, 'original_name', 'must NOT have more than 500 characters')
  check(
    (genres ?? []).every((genre) => genre.length <= 100),
    'genres',
    'must NOT have more than 100 characters each',
  )
  return faults
}

function refuse(errors: InputFault[]): void {
  if (errors.length === 0) return
  const detail = errors.map(({ path, message }) => `${path} ${message}`).join('; ')
  throw new AppError('invalid_input', { detail, errors })
}
