import { type Placeholder, type SQL, sql } from 'drizzle-orm'

/** The filter of a listing; genres by id. In a statement that is to be prepared some values are placeholders. */
export interface Filter<Value = number> {
  genreIds?: Value[]
  minRate?: Value
  directorId?: Value
  yearFrom?: Value
  yearTo?: Value
  /** Exactly this one. */
  year?: Value
  minutesFrom?: Value
  minutesTo?: Value
  /** In small letters; any of them. */
  countries?: string[]
  types?: string[]
  match?: Match
}

/** How a name has to match: `part` of the searched words, `signs` that are in no word, or one of the films `ids`. */
export type Match = { part: string } | { signs: string } | { ids: number[] }

/** Where a listing goes on: behind the film `id` with the sort key `key`. */
export interface Position {
  key: unknown
  id: unknown
}

// Each sort has a key without nulls (unknown last, both ways) and an index (key, id): see db/schema/films.ts. So every
// listing is one range of one index, and a cursor costs the same at any depth.
const keys = {
  id: sql`films.id`,
  rate: sql`coalesce(films.rate, 99)`,
  '-rate': sql`coalesce(-films.rate, 99)`,
  year: sql`films.year`,
  '-year': sql`(-films.year)`,
  minutes: sql`coalesce(films.minutes::int, 32767)`,
  '-minutes': sql`coalesce(-films.minutes::int, 32767)`,
  name: sql`films.sort_name collate "C"`,
  '-name': sql`films.sort_name collate "C"`,
} satisfies Record<string, SQL>

export type Sort = keyof typeof keys

export function sortKey(sort: Sort): SQL {
  return keys[sort]
}

export function order(sort: Sort): SQL {
  if (sort === 'id') return keys.id
  return sort === '-name' ? sql`${keys[sort]} desc, films.id` : sql`${keys[sort]}, films.id`
}

/**
 * The films of a listing, those behind `position` if it is given. Conditions on what is sorted by are put on the sort
 * key, so that one range of its index answers both.
 */
export function where(filter: Filter<number | Placeholder>, sort: Sort = 'id', position?: Position): SQL {
  const conditions = [sql`films.listed`]
  const { genreIds, minRate, directorId, yearFrom, yearTo, year, match } = filter
  if (genreIds) {
    // The same bound twice where the sort is by id: these ids too may be read in their order, and then not from the
    // first on.
    const rest = position && sort === 'id' ? sql` and fg.film_id > ${position.id}` : sql``
    conditions.push(sql`films.id in (select fg.film_id from film_genres fg where fg.genre_id in ${genreIds}${rest})`)
  }
  if (minRate !== undefined) {
    conditions.push(
      sort === 'rate' ? sql`${keys.rate} between ${minRate} and 10` : sql`${keys['-rate']} <= -(${minRate}::numeric)`,
    )
  }
  if (directorId !== undefined) conditions.push(sql`films.director_id = ${directorId}`)
  if (year !== undefined) conditions.push(sql`films.year = ${year}`)
  if (sort === '-year') {
    if (yearFrom !== undefined) conditions.push(sql`${keys['-year']} <= -(${yearFrom}::smallint)`)
    if (yearTo !== undefined) conditions.push(sql`${keys['-year']} >= -(${yearTo}::smallint)`)
  } else {
    if (yearFrom !== undefined) conditions.push(sql`films.year >= ${yearFrom}`)
    if (yearTo !== undefined) conditions.push(sql`films.year <= ${yearTo}`)
  }
  conditions.push(...ofLength(filter, sort))
  if (filter.countries) conditions.push(hasTrait('country', filter.countries))
  if (filter.types) conditions.push(hasTrait('type', filter.types))
  if (match) conditions.push(matches(match))
  if (position) conditions.push(behind(sort, position))
  return sql.join(conditions, sql` and `)
}

/** On the sort key, whose index has the minutes too. Films of unknown length are in no range. */
function ofLength({ minutesFrom, minutesTo }: Filter<number | Placeholder>, sort: Sort): SQL[] {
  const isDescending = sort === '-minutes'
  const key = isDescending ? keys['-minutes'] : keys.minutes
  const [least, most] = isDescending ? [sql`>=`, sql`<=`] : [sql`<=`, sql`>=`]
  const sign = sql.raw(isDescending ? '-' : '')
  if (minutesFrom === undefined && minutesTo === undefined) return []
  return [
    sql`${key} ${most} ${sign}(${minutesFrom ?? 1}::int)`,
    sql`${key} ${least} ${sign}(${minutesTo ?? 32_766}::int)`,
  ]
}

function hasTrait(kind: 'country' | 'type', values: string[]): SQL {
  return sql`films.id in (
    select ft.film_id from film_traits ft where ft.kind = ${kind} and lower(ft.value) in ${values})`
}

const fewUnlisted = 20_000

/**
 * How many films a listing has. Those of one genre are counted in the index of the genres, and what is not in the
 * catalogue is taken off, where that is little: 450,000 of a million films need not be looked up one by one.
 */
export function total(filter: Filter): SQL<number> {
  const joined = sql`(select count(*) from films where ${where(filter)})`
  const { genreIds, ...rest } = filter
  if (genreIds?.length !== 1 || Object.keys(rest).length > 0) return sql`${joined}::int`
  const ofGenre = sql`fg.genre_id = ${genreIds[0]}`
  return sql`(case
    when (select count(*) from (select from films where not films.listed limit ${sql.raw(`${fewUnlisted}`)}) few) < ${sql.raw(`${fewUnlisted}`)}
    then (select count(*) from film_genres fg where ${ofGenre})
      - (select count(*) from film_genres fg join films on films.id = fg.film_id where ${ofGenre} and not films.listed)
    else ${joined} end)::int`
}

function behind(sort: Sort, { key, id }: Position): SQL {
  if (sort === 'id') return sql`films.id > ${id}`
  if (sort === '-name') return sql`${keys[sort]} <= ${key} and (${keys[sort]} < ${key} or films.id > ${id})`
  return sql`(${keys[sort]}, films.id) > (${key}, ${id})`
}

/** The pattern of a part: one or two characters have no trigram but at the beginning of a word. */
export function pattern(part: string): string {
  return [...part].length < 3 ? `% ${part}%` : `%${part}%`
}

function matches(match: Match): SQL {
  if ('part' in match) return sql`films.words like ${pattern(match.part)}`
  if ('ids' in match) return sql`films.id = any(${sql.param(match.ids)}::int[])`
  const signs = [...match.signs.replace(/\s/g, '')]
  const literal = `%${match.signs.replace(/[\\%_]/g, '\\$&')}%`
  // Found first, as the planner does not know how rare a sign is.
  return sql`films.id = any(array(
    select films.id from films where film_signs(films.name, films.original_name) @> ${sql.param(signs)}::text[]
    and films.name || ' ' || coalesce(films.original_name, '') like ${literal}))`
}
