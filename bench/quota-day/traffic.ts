import type { FilmFact } from '../../src/embedded/sandbox/films.ts'
import { drawer, pick, type Random, zipf } from './random.ts'

export interface UserRequest {
  /** In ms, on the simulated clock. */
  at: number
  /** The film that is wanted, by its id or by a search. */
  film: FilmFact
  /** What is typed to find it; undefined: it is asked for by its id. */
  query?: string
}

/** Of one of the users, by number. */
export interface OwnRequest extends UserRequest {
  user: number
}

/** The rest are details. */
const searchShare = 0.3
const dayMs = 86_400_000
const latinKeys = "`qwertyuiop[]asdfghjkl;'zxcvbnm,."
const russianKeys = 'ёйцукенгшщзхъфывапролджэячсмитьбю'

/** A day's requests in the order of their arrival: a quiet night, and an evening with nine times as many. */
export function createTraffic(films: readonly FilmFact[], random: Random) {
  const drawFilm = drawer(zipf(films.length))
  const hours = Array.from({ length: 24 }, (_, hour) => 1 + 0.8 * Math.cos(((hour - 20) / 12) * Math.PI))
  const drawHour = drawer(hours)
  return (startMs: number, requests: number): UserRequest[] => {
    const times = Array.from({ length: requests }, () => startMs + ((drawHour(random) + random()) / 24) * dayMs)
    return times
      .sort((a, b) => a - b)
      .map((at) => {
        const film = films[drawFilm(random)] as FilmFact
        return random() < searchShare ? { at, film, query: typed(film, random) } : { at, film }
      })
  }
}

/** A thousand films that there are not at once at midnight, and then one every half a minute; others on another day. */
export function hostileRequests(films: readonly FilmFact[], startMs: number, day: number, user: number): OwnRequest[] {
  const known = new Set(films.map(({ id }) => id))
  const length = 1000 + 2 * 1440
  const unknown = Array.from({ length: 2 * length }, (_, i) => 9_000_000 + (2 * length * day + i)).filter(
    (id) => !known.has(id),
  )
  return Array.from({ length }, (_, i) => {
    const at = startMs + Math.max(0, i - 1000) * 30_000
    return { at, user, film: { ...(films[0] as FilmFact), id: unknown[i] ?? 1 } }
  })
}

/** As people type: whole titles mostly, or some words of one; in small letters or not, and sometimes badly. */
function typed(film: FilmFact, random: Random): string {
  const title = film.name_ru ?? film.name_original ?? ''
  const words = title.split(' ')
  const what = drawer([60, 15, 15, 10])(random)
  const text = [
    title,
    film.name_original ?? title,
    words.slice(0, Math.max(1, words.length - 1)).join(' '),
    words.reduce((longest, word) => (word.length > longest.length ? word : longest)),
  ][what] as string
  const how = drawer([40, 50, 3, 4, 2, 1])(random)
  return [
    () => text,
    () => text.toLowerCase(),
    () => text.toLowerCase().replaceAll('ё', 'е'),
    () => `${text.replaceAll(' ', '  ')}${pick(random, ['.', '!', ' '])}`,
    () => slipped(text, random),
    () => text.toLowerCase().replaceAll(/[ёа-я]/g, (letter) => latinKeys[russianKeys.indexOf(letter)] ?? letter),
  ][how]?.() as string
}

/** Two letters swapped. */
function slipped(text: string, random: Random): string {
  const at = 1 + Math.floor(random() * Math.max(1, text.length - 2))
  return text.slice(0, at) + (text[at + 1] ?? '') + text.charAt(at) + text.slice(at + 2)
}
