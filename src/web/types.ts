/** What of the API's answers the page shows; /openapi.json has all of them. */

export interface Profile {
  id: number
  login: string
  age: number | null
  name: string | null
  surname: string | null
  favorite_genre: number | null
  role: 'user' | 'admin'
  created_at: string
}

export interface Named {
  id: number
  name: string
}

export interface Film {
  id: number
  name: string
  original_name: string | null
  genres: string[]
  director_id: number | null
  director: Named | null
  rate: number | null
  year: number | null
  minutes: number | null
  description: string | null
  trailer: string | null
  poster_url: string | null
  poster?: string | null
  kinopoisk_id: number | null
}

export interface FilmPage {
  items: Film[]
  total: number
  next_cursor: string | null
}

export interface KinopoiskFacts {
  imdb_id: string | null
  type: string | null
  slogan: string | null
  rating_kinopoisk: number | null
  rating_kinopoisk_votes: number | null
  rating_imdb: number | null
  rating_imdb_votes: number | null
  countries: string[]
  age_limit: number | null
  web_url: string | null
  start_year: number | null
  end_year: number | null
  serial: boolean | null
  synced_at: string
  complete: boolean
}

export interface Movie {
  id: number
  kinopoisk_id: number | null
  title: string
  original_title: string | null
  description: string
  trailer: string
  year: number | null
  rating: number | null
  minutes: number | null
  genres: Named[]
  director_id: number | null
  director: Named | null
  poster_url: string | null
  poster?: string | null
  favorites_count: number
  user_rate: number | null
  user_votes: number
  is_favorite?: boolean
  in_wishlist?: boolean
  my_rating?: number | null
  added_at?: string
  kinopoisk: KinopoiskFacts | null
}

export type Source = 'kinopoisk' | 'cache' | 'local'

/** What /suggest finds. */
export interface Suggestion {
  id: number
  title: string
  original_title: string | null
  year: number | null
  rating: number | null
  /** Its picture here. */
  poster: string | null
}

export interface SearchItem {
  id: number
  title: string
  original_title: string | null
  type: string | null
  year: number | null
  rating: number | null
  genres: string[]
  description: string | null
  poster_url: string | null
  poster?: string | null
  is_favorite: boolean
  in_wishlist: boolean
}

export interface SearchResult {
  query: string
  page: number
  pages: number
  total: number
  source: Source
  complete: boolean
  items: SearchItem[]
}

export interface Usage {
  budget: { limit: number; used: number; left: number; resets_at: string }
  total: Counts
  by_day: ({ day: string } & Counts)[]
  by_key: ({ key_id: number; name: string | null; daily_limit: number | null; calls_today: number } & Counts)[]
}

export interface Counts {
  calls: number
  answers: number
  hits: number
  stale: number
  refused: number
  saved: number
}

export interface ImportReport {
  format?: string
  rows: number
  created: number
  updated: number
  skipped: number
  failed: number
  dry_run: boolean
  errors: { file?: string; row: number; column?: string; message: string }[]
  errors_total: number
  warnings?: { file?: string; row: number; message: string }[]
  changes?: { row: number; id: number; column: string; old: string | null; new: string | null }[]
  problem?: { code: string; message: string } | null
}
