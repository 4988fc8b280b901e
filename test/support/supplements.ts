import { filmFact } from './movies.ts'

const thisYear = new Date().getFullYear()

/** Films for the sandbox, of which something is known beside details. */
export const films = [
  filmFact({
    ...{ id: 301, name_ru: 'Матрица', name_original: 'The Matrix', year: 1999, minutes: 136, rating: 8.5, votes: 900 },
    ...{ genres: ['фантастика'], countries: ['США'], description: 'Хакер узнаёт правду.' },
    directors: [{ id: 23_330, name_ru: 'Лана Вачовски', name_en: 'Lana Wachowski' }],
  }),
  filmFact({
    ...{ id: 302, name_ru: 'Матрица: Революция', name_original: 'The Matrix Revolutions', year: 2003, rating: 7.6 },
    ...{ genres: ['фантастика'], votes: 500, directors: [{ id: 23_330, name_ru: 'Лана Вачовски', name_en: null }] },
  }),
  filmFact({ id: 303, name_ru: 'Сталкер', year: 1999, rating: 8.1, votes: 700, genres: ['фантастика', 'драма'] }),
  filmFact({ id: 310, name_ru: 'Старый сериал', type: 'TV_SERIES', year: 2008, start_year: 2008, end_year: 2009 }),
  filmFact({ id: 311, name_ru: 'Новый сериал', type: 'TV_SERIES', year: thisYear, start_year: thisYear }),
]

/** Every route about a film, with an example. */
export const ofFilm = ['seasons', 'staff', 'images', 'similars', 'sequels', 'facts', 'reviews', 'videos'].map(
  (name) => `/movies/301/${name}`,
)

export const all = [...ofFilm, '/people/23330', '/movies/premieres?year=1999&month=2', '/movies/collections']
