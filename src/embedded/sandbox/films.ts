import data from './films.json' with { type: 'json' }

export interface DirectorFact {
  id: number
  name_ru: string | null
  name_en: string | null
}

export interface FilmFact {
  id: number
  imdb_id: string | null
  name_ru: string | null
  name_original: string | null
  type: 'FILM' | 'VIDEO' | 'TV_SERIES' | 'MINI_SERIES' | 'TV_SHOW'
  year: number | null
  start_year: number | null
  end_year: number | null
  minutes: number | null
  rating: number | null
  votes: number | null
  rating_imdb: number | null
  votes_imdb: number | null
  await_percent: number | null
  mpaa: string | null
  age_limit: string | null
  countries: string[]
  genres: string[]
  directors: DirectorFact[]
  description: string | null
}

export const films = data as FilmFact[]
