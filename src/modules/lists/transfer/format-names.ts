/** What a file can be recognised as, and what an answer calls it. */
export const fileFormats = [
  'own',
  'letterboxd',
  'letterboxd_list',
  'letterboxd_import',
  'imdb',
  'kinopoisk',
  'kinorium',
  'trakt',
  'tmdb',
  'simkl',
  'movary',
  'yamtrack',
  'plain',
] as const

export type FormatName = (typeof fileFormats)[number]
