import type { FilmFact } from '../../src/embedded/sandbox/films.ts'
import { drawer, pick, type Random, zipf } from './random.ts'

const russian =
  'ма ра ти ца во ры ко на ле до се вер ный гор од кра сот лун ост ров мол ния звез да щит пес ня жи сти тай ска зё бро'
const latin = 'the ma trix star war god fa lo ver night moon gar den ri old man sea run ner ice king da sto el en ar th'
const genres = ['драма', 'комедия', 'боевик', 'триллер', 'фантастика', 'мелодрама', 'ужасы', 'мультфильм', 'детектив']
const countries = ['США', 'Россия', 'Великобритания', 'Франция', 'СССР', 'Япония', 'Корея Южная', 'Германия']
const types = ['FILM', 'FILM', 'FILM', 'FILM', 'FILM', 'FILM', 'FILM', 'TV_SERIES', 'TV_SERIES', 'MINI_SERIES'] as const

/** Made-up films, the most wanted first; their words are used as unevenly as those of real titles. */
export function makeFilms(size: number, random: Random): FilmFact[] {
  const ru = titles(russian.split(' '), random)
  const en = titles(latin.split(' '), random)
  const ids = new Set<number>()
  while (ids.size < size) ids.add(1 + Math.floor(random() * 9_999_999))
  return [...ids].map((id, rank) => {
    const type = pick(random, types)
    const year = 2026 - Math.floor(90 * random() ** 2)
    const foreign = random() < 0.75
    return {
      id,
      imdb_id: foreign ? `tt${String(id).padStart(7, '0')}` : null,
      name_ru: foreign && random() < 0.03 ? null : ru(random),
      name_original: foreign ? en(random) : null,
      type,
      year,
      start_year: type === 'FILM' ? null : year,
      end_year: null,
      minutes: 40 + Math.floor(120 * random()),
      rating: Math.round(50 + 40 * random()) / 10,
      // Votes follow what is wanted, but only roughly.
      votes: Math.ceil((900_000 / (rank + 1) ** 0.9) * Math.exp(2 * random() - 1)),
      rating_imdb: foreign ? Math.round(50 + 40 * random()) / 10 : null,
      votes_imdb: foreign ? Math.ceil(1_000_000 / (rank + 1)) : null,
      await_percent: null,
      mpaa: null,
      age_limit: pick(random, ['age6', 'age12', 'age16', 'age18']),
      countries: [foreign ? pick(random, countries) : 'Россия'],
      genres: [...new Set([pick(random, genres), pick(random, genres)])],
      directors: [{ id: 1 + (id % 5000), name_ru: `Режиссёр ${1 + (id % 5000)}`, name_en: null }],
      description: `${ru(random)}. ${Array.from({ length: 6 }, () => ru(random)).join(', ')}.`,
    }
  })
}

/** Draws titles of one to four words. The commonest of the 8000 words is in some three of a hundred titles. */
function titles(syllables: string[], random: Random): (random: Random) => string {
  const words = new Set<string>()
  while (words.size < 8000) {
    words.add(Array.from({ length: 2 + Math.floor(3 * random()) }, () => pick(random, syllables)).join(''))
  }
  const vocabulary = [...words]
  const draw = drawer(zipf(vocabulary.length, 10))
  const drawLength = drawer([0.3, 0.35, 0.22, 0.13])
  return (by) => {
    const title = Array.from({ length: 1 + drawLength(by) }, () => vocabulary[draw(by)]).join(' ')
    return title.charAt(0).toUpperCase() + title.slice(1)
  }
}
