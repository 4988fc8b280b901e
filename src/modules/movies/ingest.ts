import type { Discovery, KinopoiskFilm } from '../../kinopoisk/normalise.ts'
import type { FilmWriter, KnownFilm, PartialFilm } from './repository.ts'

/** Stores the films that Kinopoisk tells of. Never of a film less than is known. */
export async function ingest(films: FilmWriter, { film, items = [] }: Discovery): Promise<void> {
  if (film) await films.save(toKnownFilm(film))
  await films.upsertPartial([...new Map(items.map((item) => [item.kinopoisk_id, toPartialFilm(item)])).values()])
}

export function toKnownFilm(film: KinopoiskFilm): KnownFilm {
  return { ...toPartialFilm(film), kinopoisk_synced_at: new Date(film.synced_at) }
}

function toPartialFilm(film: KinopoiskFilm): PartialFilm {
  return {
    id: film.kinopoisk_id,
    name: film.name_ru ?? film.name_original ?? film.name_en ?? String(film.kinopoisk_id),
    original_name: film.name_original ?? film.name_en,
    year: film.year,
    minutes: film.minutes,
    rate: film.rating_kinopoisk,
    description: film.description,
    poster_url: film.poster_url,
    genres: film.genres,
    kinopoisk: film,
  }
}
