import type { DirectorFact, FilmFact } from './films.ts'
import { readInteger } from './paging.ts'
import { failure, type Reply } from './reply.ts'
import type { SandboxRequest } from './request.ts'

/** The directors of the films; of anything else than their names and films upstream's null, or what is the same for all. */
export function createPeople(films: readonly FilmFact[]) {
  const people = new Map<number, { person: DirectorFact; films: FilmFact[] }>()
  for (const film of films) {
    for (const person of film.directors) {
      const known = people.get(person.id) ?? { person, films: [] }
      known.films.push(film)
      people.set(person.id, known)
    }
  }
  return ({ argument }: SandboxRequest): Reply => {
    const id = readInteger(argument, Number.MAX_SAFE_INTEGER)
    if (id === undefined) return failure(400, 'The person id must be an integer')
    const known = people.get(id)
    return known === undefined ? failure(404, `No person with id ${id}`) : { status: 200, body: profile(known) }
  }
}

function profile({ person, films }: { person: DirectorFact; films: FilmFact[] }) {
  return {
    personId: person.id,
    webUrl: `https://www.kinopoisk.ru/name/${person.id}/`,
    nameRu: person.name_ru ?? '',
    nameEn: person.name_en ?? '',
    sex: null,
    posterUrl: `https://kinopoiskapiunofficial.tech/images/actor_posters/kp/${person.id}.jpg`,
    growth: '0',
    birthday: null,
    death: null,
    age: 0,
    birthplace: null,
    deathplace: null,
    hasAwards: 0,
    profession: 'Режиссер',
    facts: [],
    spouses: [],
    films: films.map((film) => ({
      filmId: film.id,
      nameRu: film.name_ru,
      nameEn: film.name_original ?? '',
      rating: film.rating === null ? null : film.rating.toFixed(1),
      general: true,
      description: '',
      professionKey: 'DIRECTOR',
    })),
  }
}
