/** A film named by its id at Kinopoisk or at IMDb. */
export type FilmReference = { kinopoiskId: number } | { imdbId: string }

// With any scheme or none, in the desktop, mobile and old forms; the id may stand behind a name: /film/matritsa-301/. Of
// hd.kinopoisk.ru the ids are others.
const address =
  /(?<![\w.-])(?:(?:www|m|touch|beta|plus)\.)?kinopoisk\.(?:ru|com)(?::\d{1,5})?\/+(?:level\/\d+\/)?(?:film|series)\/+(?:[^\s/?#]*-)?(\d{1,9})(?![\w-])/iu
// tt0133093, also with Cyrillic letters; tt 0133093, imdb:0133093.
const imdb = /(?<![\p{L}\p{N}])(?:[tт]{2}|imdb(?:[ _-]?id)?)[\s:#№=_-]{0,2}(\d{7,10})(?![\p{L}\p{N}])/iu
// kp301, КП-301, kinopoisk:301; within other text only in brackets, as media servers name folders: [kinopoiskid-301], or
// in one word.
const whole = /^(?:kp|кп|(?:kinopoisk|кинопоиск)(?=[ _-]?id|[:#№=_-]))(?:[ _-]?id)?[\s:#№=_/-]*(\d{1,9})$/iu
const around = /^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu
const bracketed = /[[({](?:kp|кп|kinopoisk|кинопоиск)(?:[ _-]?id)?[\s:#№=_-]*(\d{1,9})[\])}]/iu
const word = /(?<![\p{L}\p{N}])(?:kp|кп)(\d{3,9})(?![\p{L}\p{N}])/iu

/**
 * The film that a pasted address or id names, alone or within other text, which has no invisible characters; undefined for a
 * text that names none.
 */
export function readFilmReference(text: string): FilmReference | undefined {
  if (!/\d/.test(text)) return undefined
  const plain = decode(text)
  const [imdbDigits] = imdb.exec(plain)?.slice(1) ?? []
  const digits = address.exec(plain)?.[1]
  if (digits === undefined && imdbDigits !== undefined) return { imdbId: imdbIdOf(imdbDigits) }
  const named = whole.exec(plain.replace(around, '')) ?? bracketed.exec(plain) ?? word.exec(plain)
  const kinopoiskId = Number(digits ?? named?.[1] ?? 0)
  return kinopoiskId > 0 ? { kinopoiskId } : undefined
}

/** In the spelling of IMDb and Kinopoisk: at least seven digits, no zeros in front of more. */
function imdbIdOf(digits: string): string {
  return `tt${String(Number(digits)).padStart(7, '0')}`
}

/** An address within another one is encoded: …?to=https%3A%2F%2Fwww.kinopoisk.ru%2Ffilm%2F301. */
function decode(text: string): string {
  return text.replace(/%3A/gi, ':').replace(/%2F/gi, '/').replace(/%3F/gi, '?')
}
