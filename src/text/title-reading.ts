/** A title as somebody may mean a query, and what the rest of the query says of the film. */
export interface TitleReading {
  title: string
  year: number | undefined
  isSeries: boolean | undefined
}

const extension = /\.(?:mkv|avi|mp4|m4v|mov|wmv|m?2?ts|webm|flv|mpe?g|vob|iso|srt|ass|torrent)$/u
const brackets = /[[({]([^[\](){}]*)[\])}]/gu
const yearOf = (word: string | undefined) => /^(?:18[89]\d|19\d\d|20[0-3]\d)$/.exec(word ?? '')?.[0]

// S01, S01E02, s1e2-e3, 1x02; the Cyrillic letters look the same.
const episode = /^(?:[sс]\d{1,2}(?:-?[eе]\d{1,4})*|\d{1,2}x\d{2,3})(?:-|$)/u
const source =
  /^(?:(?:bd|br|dvd|web|hd|tv|hdtv|cam|sat|vhs)-?rip|web-?dl(?:-?rip)?|blu-?ray|(?:bd-?)?remux|hdtv|dvd(?:5|9|scr)?|telesync)(?:-|$)/u
const encoding = /^(?:\d{3,4}[pi]|[48]k|uhd|hdr\d*|[xh]-?26[45]|hevc|avc|xvid|divx|aac|ac3|dts|(?:8|10)bit)(?:-|$)/u
// Also `с 1 по 10 сезон`, `серии 1-24 из 24`, `season 1 complete`.
const season =
  /(?:(?<!\p{L})[сc] \d{1,3} по )?(?:\d{1,3}(?:-?(?:й|ый|ой|я|ая|st|nd|rd|th)|-\d{1,3})?|перв\p{L}+|втор\p{L}+|трет\p{L}+|все) (?:сезон|сери[яийю]|season|episode)\p{L}*|(?:сезон|сери[яи]|season|episode)\p{L}* \d{1,3}(?:-\d{1,3})?(?!\d)(?: (?:из|of) \d{1,4})?(?: complete(?!\p{L}))?/gu
const quality =
  /(?<!\p{L})(?:(?:в )?(?:хорош|отличн|высок)\p{L}+ качеств\p{L}*|на русском(?: языке)?|(?:(?:dub|mvo|avo|dvo) )+original)(?!\p{L})/gu
const seriesWord = /^(?:(?:теле|мульт|мини-?)?сериал\p{L}*|сезон\p{L}*|сери[яий]|дорама|series|season)$/u
const filmWord = /^(?:(?:кино)?фильм|movie|film)$/u
const otherWord =
  /^(?:мультфильм|мультик|аниме|кино|тв|tv|смотреть|онлайн|online|бесплатно|скачать|торрент|torrent|hd)$/u
/** At the end: the sound of a release, and what somebody wants of a film. A title may begin with them, or be one of them. */
const endWord =
  /^(?:dub|dubbed|rus|eng|mvo|avo|dvo|sub|дубляж|дублированный|озвучка|трейлер\p{L}*|trailer|тизер|teaser)$/u
/** In front of the name of a file: the site that it comes from. */
const site = /^[^\p{L}\p{N}]*www\.[a-z\d-]+\.[a-z]{2,6}(?![a-z\d-])/u

/**
 * The query as people mean it who write more than the title: a year, "сериал", a season, or the name of a file. Undefined
 * where nothing but a title can be read. The query has single spaces and no invisible characters.
 */
export function readTitle(query: string): TitleReading | undefined {
  const typed = query.toLowerCase()
  const name = extension.test(typed) ? (typed.replace(extension, '').split(/[\\/]/).at(-1) ?? '') : typed
  const text = name.replace(site, '')
  const bracketed = [...text.matchAll(brackets)].flatMap(([, inner = '']) => wordsOf(inner))
  const words = wordsOf(text)
  const outside = wordsOf(text.replace(brackets, ' '))
  // Of `[REC] 2007` the brackets are the title.
  const plain = (outside.every(yearOf) && !bracketed.some(yearOf) ? words : outside)
    .join(' ')
    .replace(season, ' ')
    .replace(quality, ' ')
  const { title, year } = findYear(splitRelease(wordsOf(plain)), bracketed.map(yearOf).find(Boolean))
  if (title.length === 0 || title.join(' ') === wordsOf(typed).join(' ')) return undefined
  return { title: title.join(' '), year: year === undefined ? undefined : Number(year), isSeries: kindOf(words) }
}

const untilYear = /(?<!\d)((?:19|20)\d\d) ?[-–—] ?(?:19|20)\d\d(?!\d)/gu
const hyphenBeforeYear = /-(?=(?:19|20)\d\d(?!\d))/gu
const wordForYear = /(?<=\d{4}) ?г(?:ода?)?(?!\p{L})/gu

/** Words with their hyphens; a year is a word of its own, without `г.` behind it, and of several years the first. */
function wordsOf(text: string): string[] {
  const separated = text.replace(untilYear, '$1').replace(hyphenBeforeYear, ' ').replace(wordForYear, '')
  const words = separated.match(/[\p{L}\p{M}\p{N}'’+-]+/gu) ?? []
  return words.map((word) => word.replace(/^-+|-+$/g, '')).filter((word) => /[\p{L}\p{N}]/u.test(word))
}

/** What stands in front of the words of a release, and the rest. */
function splitRelease(words: string[]): { head: string[]; rest: string[] } {
  const isOfRelease = (word: string) => episode.test(word) || source.test(word) || encoding.test(word)
  const begin = words.findIndex((word) => !isOfRelease(word))
  const length = begin < 0 ? 0 : words.slice(begin).findIndex(isOfRelease)
  const head = begin < 0 ? [] : words.slice(begin, length < 0 ? undefined : begin + length)
  return { head, rest: begin < 0 || length < 0 ? [] : words.slice(begin + length) }
}

/** The title without its year and without words that are in no title; in the name of a file the title ends with the year. */
function findYear({ head, rest }: ReturnType<typeof splitRelease>, known: string | undefined) {
  let title = withoutExtras(head)
  let year = known
  const isRelease = rest.length > 0
  const at = title.findLastIndex((word, i) => i > 0 && yearOf(word) && (isRelease || i === title.length - 1))
  if (year === undefined && at > 0) {
    year = title[at]
    title = withoutExtras(title.slice(0, at))
  }
  year ??= rest.map(yearOf).find(Boolean)
  if (year === undefined && title.length > 1 && yearOf(title[0])) {
    year = title[0]
    title = withoutExtras(title.slice(1))
  }
  return { title, year }
}

function withoutExtras(words: string[]): string[] {
  const isExtra = (word: string) => seriesWord.test(word) || filmWord.test(word) || otherWord.test(word)
  const first = words.findIndex((word) => !isExtra(word))
  const last = words.findLastIndex((word) => !isExtra(word))
  const title = first < 0 ? [] : words.slice(first, last + 1)
  const end = title.findLastIndex((word) => !isExtra(word) && !endWord.test(word))
  return end < 0 ? title : title.slice(0, end + 1)
}

function kindOf(words: string[]): boolean | undefined {
  if (words.some((word) => episode.test(word) || seriesWord.test(word))) return true
  return words.some((word) => filmWord.test(word)) ? false : undefined
}
