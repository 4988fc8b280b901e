import type { FilmFact } from './sandbox/films.ts'
import { posters } from './sandbox/shapes.ts'

/** The API key that the service shows to the sandbox. */
export const sandboxKey = 'sandbox'

const size = 100
const ofEachTrait = 2

export type DemoFilm = NonNullable<ReturnType<typeof readFact>>

/** The films of a first start, by id: those of the sandbox's that a catalogue can take, chosen by a fixed rule. */
export async function demoFilms(): Promise<DemoFilm[]> {
  // Imported on demand, as the sandbox does it: the file is large.
  const { films } = await import('./sandbox/films.ts')
  const usable = films.toSorted(byVotes).flatMap((fact) => {
    const film = readFact(fact)
    return film ? [{ film, traits: traitsOf(fact) }] : []
  })
  return choose(usable)
    .map(({ film }) => film)
    .toSorted((a, b) => a.id - b.id)
}

// Kinopoisk's own are far below.
const firstMadeUpPerson = 90_000_000

/** By what the sandbox's films and directors are recognised in a database. */
export async function sandboxFacts() {
  const { films } = await import('./sandbox/films.ts')
  const directors = new Set(films.flatMap((film) => film.directors.map(({ id }) => id)))
  return {
    films: films.map((fact) => ({
      id: fact.id,
      name: fact.name_ru ?? fact.name_original,
      year: fact.year,
      minutes: fact.minutes,
      description: fact.description,
    })),
    directorIds: [...directors].filter((id) => id >= firstMadeUpPerson),
  }
}

/** What the catalogue shows of a film; undefined when the facts do not tell all of it. */
function readFact(fact: FilmFact) {
  const { id, year, minutes, rating, genres, description } = fact
  const name = fact.name_ru ?? fact.name_original
  const [first] = fact.directors
  const director = first && { kinopoisk_id: first.id, name: first.name_ru ?? first.name_en }
  if (!name || !year || !minutes || !rating || genres.length === 0 || !director?.name) return undefined
  return {
    id,
    name,
    original_name: fact.name_original,
    year,
    minutes,
    rate: rating,
    description,
    poster_url: posters(fact).posterUrl,
    genres,
    director: { ...director, name: director.name },
  }
}

interface Candidate {
  film: DemoFilm
  traits: string[]
}

/** Two films of every decade, type, genre and country, as far as there are; then the most voted. No name comes twice. */
function choose(candidates: Candidate[]): Candidate[] {
  const chosen = new Map<string, Candidate>()
  const times = new Map<string, number>()
  const take = (candidate: Candidate) => {
    const name = candidate.film.name.toLowerCase()
    if (chosen.has(name)) return
    chosen.set(name, candidate)
    for (const trait of candidate.traits) times.set(trait, (times.get(trait) ?? 0) + 1)
  }
  for (const candidate of candidates) {
    if (candidate.traits.some((trait) => (times.get(trait) ?? 0) < ofEachTrait)) take(candidate)
  }
  for (const candidate of candidates) {
    if (chosen.size < size) take(candidate)
  }
  return [...chosen.values()]
}

function traitsOf({ type, year, genres, countries }: FilmFact): string[] {
  return [type, `${Math.floor((year ?? 0) / 10)}0s`, ...genres, ...countries]
}

function byVotes(a: FilmFact, b: FilmFact): number {
  return (b.votes ?? 0) - (a.votes ?? 0) || a.id - b.id
}
