import { type SQL, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { kinopoiskAnswers as responses } from '../../db/schema/kinopoisk.ts'
import { listRequest, type PopularList, paths } from '../endpoints.ts'
import { parseStored } from '../layers/cache.ts'
import { pageSize } from '../rows.ts'
import type { FilmResponse } from '../schemas.ts'
import type { ResponseRepository } from '../store/responses.ts'
import { rating as readRating } from '../values.ts'

interface Options {
  db: Db
  responses: Pick<ResponseRepository, 'find'>
  now(): Date
}

type Band = Required<PopularList>

/** Upstream takes no page behind it. */
export const maxPages = 20
const bands: Band['rating'][] = [
  [6, 7],
  [7, 8],
  [5, 6],
  [8, 10],
  [0, 5],
]
const restMs = 86_400_000

/**
 * A year's films behind the end of its list: upstream cuts off each band of the rating later than the whole year. Each
 * page is fetched once.
 */
export function createRatingBands({ db, now, ...store }: Options) {
  let restsUntil = 0

  /** By the path of a band, without a page: which pages are stored, the first of them, and how many there are. */
  async function readStored(bandPaths: string[]) {
    const rows = await db.execute<{ band: string; first: number; stored: number[]; pages: number | null }>(sql`
      select band, page as first, stored, ${sizesIn(sql`body::json`).pages} as pages from (
        select distinct on (band) band, page, body, array_agg(page) over (partition by band) as stored from (
          select substring(path from '^(.*)&page=') as band, substring(path from '&page=([0-9]{1,2})$')::int as page, body
          from ${responses} where path like ${`${paths.popular}rating%`}
        ) as pages where band = any(${sql.param(bandPaths)}::text[]) order by band, page
      ) as firsts`)
    return new Map(rows.map((row) => [row.band, row]))
  }

  /** A band goes on behind those of its films that are on the year's own pages: they are its most voted too. */
  async function findStart({ year, rating }: Band): Promise<number> {
    let films = 0
    for (let page = 1; page <= maxPages; page += 1) {
      const request = listRequest({ year }, page)
      const found = await store.responses.find(request.path)
      const rows = (found && parseStored(request, found)?.value?.rows) ?? []
      films += rows.filter((film) => isWithin(readRating(film.ratingKinopoisk), rating)).length
    }
    return 1 + Math.floor(films / pageSize)
  }

  return {
    /** A page of these years that was never fetched: the first of every band before the second ones. */
    async findNew(years: number[], failed: Set<string>): Promise<{ list: Band; page: number } | undefined> {
      if (years.length === 0 || now().getTime() < restsUntil) return undefined
      const lists = years.flatMap((year) => bands.map((rating) => ({ year, rating })))
      const stored = await readStored(lists.map(pathOf))
      const next = lists.map((list) => {
        const band = stored.get(pathOf(list))
        if (!band) return { list, round: 0, last: maxPages }
        let page = band.first
        while (band.stored.includes(page)) page += 1
        return { list, page, round: page - band.first, last: Math.min(maxPages, band.pages ?? 0) }
      })
      for (const { list, page = await findStart(list), last } of next.toSorted((a, b) => a.round - b.round)) {
        if (page <= last && !failed.has(listRequest(list, page).path)) return { list, page }
      }
      return undefined
    },

    /** For a day: an upstream that ignores ratings, or refuses them, has nothing behind the end of its lists. */
    rest(): void {
      restsUntil = now().getTime() + restMs
    },

    /** False where most of a page's films are of other ratings. */
    fits(rating: Band['rating'], rows: FilmResponse[]): boolean {
      const ratings = rows.map((film) => readRating(film.ratingKinopoisk)).filter((value) => value !== null)
      return ratings.filter((value) => isWithin(value, rating)).length >= ratings.length / 2
    },
  }
}

/** Without a page. */
function pathOf(band: Band): string {
  return listRequest(band, 1).path.replace(/&page=1$/, '')
}

function isWithin(value: number | null, [from, to]: Band['rating']): boolean {
  return value !== null && value >= from && value <= to
}

/** How many films and how many pages the body of a list says there are; null where it does not. */
export function sizesIn(body: SQL) {
  const member = (name: string) => sql`substring(${body}->>${name}::text from '^ *(\\d{1,6}) *$')::int`
  const total = member('total')
  return { total, pages: sql`coalesce(${member('totalPages')}, ceil(${total} / ${pageSize}::numeric)::int)` }
}
