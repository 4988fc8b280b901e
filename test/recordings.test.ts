import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { filmRequest, searchRequest } from '../src/kinopoisk/endpoints.ts'
import { type KinopoiskFilm, type KinopoiskItem, normaliseFilm, normaliseItem } from '../src/kinopoisk/normalise.ts'
import type { FilmResponse, SearchItem } from '../src/kinopoisk/schemas.ts'
import { supplementOf } from '../src/kinopoisk/supplements/table.ts'

// Replies of the real upstream are others' texts and not ours to publish: the folder is named from outside.
const folder = process.env.KINOPOISK_RECORDINGS
const files = folder ? readdirSync(folder) : []

function recorded(name: RegExp): [string, unknown][] {
  return files.filter((file) => name.test(file)).map((file) => [file, read(file)])
}

function read(file: string): unknown {
  return JSON.parse(readFileSync(join(folder ?? '', file), 'utf8'))
}

const items = recorded(/^(search-item|top-item)s?\..*\.json$/).flatMap(([file, value]) =>
  [value].flat().map((item, i): [string, unknown] => [`${file} ${i}`, item]),
)
const pages = recorded(/^(search|top)\.[^/]*\.json$/)
const details = recorded(/^film\.\d+.*\.json$/)

if (folder) {
  test('the folder holds details, search pages and single results', () => {
    expect([details, pages, items].map((found) => found.length > 0)).toEqual([true, true, true])
  })

  describe('recorded details', () => {
    test.each(details)('%s is accepted and typed', (file, sent) => {
      const id = Number(file.split('.')[1])
      const film = filmRequest(id).read(sent, refuseOdd)
      if (!film) throw new Error('refused')
      expectFilm(normaliseFilm(film, new Date(0)), film)
      expect(filmRequest(id + 1).read(sent)).toBeUndefined()
    })
  })

  describe('recorded search pages', () => {
    test.each(pages)('%s is accepted and typed', (file, sent) => {
      const page = searchRequest('x', 1).read(sent, refuseOdd)
      if (!page) throw new Error('refused')
      // The list of the best films has the items of a search, but no total.
      if (!file.startsWith('top.')) expect(page.rows.length > 0).toBe(Number(page.total) > 0)
      expect(page.rows).toHaveLength(page.sent)
      for (const item of page.rows) expectItem(normaliseItem(item), item)
    })
  })

  describe('recorded staff, premieres and collections', () => {
    const names = {
      staff: { id: 1 },
      premieres: { year: 2025, month: 8 },
      collections: { type: 'FAMILY', page: 1 },
    } as const
    const kinds = Object.keys(names) as (keyof typeof names)[]
    const rows = kinds.flatMap((name) =>
      recorded(new RegExp(`^${name}\\.[^/]*\\.json$`)).map(([file, sent]) => [file, name, sent] as const),
    )
    test.each(rows)('%s is accepted and typed, row by row', (_, name, sent) => {
      const { request, resultOf } = supplementOf(name, names[name])
      const value = request.read(sent, refuseOdd)
      if (!value) throw new Error('refused')
      const { total, items } = resultOf(value)
      const list = sent as { items?: unknown[]; total?: number } & unknown[]
      const sentRows = list.items ?? list
      expect(items).toHaveLength(sentRows.length)
      expect(total).toBe(list.total ?? sentRows.length)
      for (const item of items) expectClean(item)
    })
  })

  describe('recorded single results', () => {
    test.each(items)('%s is accepted and typed', (_, sent) => {
      const page = searchRequest('x', 1).read({ searchFilmsCountResult: 1, films: [sent] }, refuseOdd)
      expect(page?.rows).toHaveLength(1)
      for (const item of page?.rows ?? []) expectItem(normaliseItem(item), item)
    })
  })
} else {
  test.skip('set KINOPOISK_RECORDINGS to the folder of recorded replies (film.*.json, search*.json) to check them', () => {})
}

function refuseOdd(member: string): never {
  throw new Error(`${member} is odd`)
}

/** Recorded details hold numbers as numbers, so that all that may change is text. */
function expectFilm(told: KinopoiskFilm, sent: FilmResponse): void {
  expectClean(told)
  expect(told).toMatchObject({
    kinopoisk_id: sent.kinopoiskId,
    imdb_id: sent.imdbId ?? null,
    type: sent.type,
    year: sent.year ?? null,
    start_year: sent.startYear ?? null,
    end_year: sent.endYear ?? null,
    minutes: sent.filmLength ?? null,
    rating_kinopoisk: sent.ratingKinopoisk ?? null,
    rating_kinopoisk_votes: sent.ratingKinopoiskVoteCount ?? null,
    rating_imdb: sent.ratingImdb ?? null,
    rating_film_critics: sent.ratingFilmCritics ?? null,
    rating_await_percent: sent.ratingAwait ?? null,
    rating_rf_critics_percent: sent.ratingRfCritics ?? null,
    rating_good_review_percent: sent.ratingGoodReview ?? null,
    reviews_count: sent.reviewsCount ?? null,
    serial: sent.serial ?? null,
    has_3d: sent.has3D ?? null,
    age_limit: sent.ratingAgeLimits ? Number(String(sent.ratingAgeLimits).slice('age'.length)) : null,
    last_sync: sent.lastSync ? `${sent.lastSync.slice(0, 23)}Z` : null,
  })
  expect(told.name_ru ?? told.name_original).toMatch(/\S/)
  expect(told.genres).toEqual(sent.genres?.map(({ genre }) => genre))
  expect(told.countries).toEqual(sent.countries?.map(({ country }) => country))
  expect(told.description === null).toBe(!sent.description)
  expect(told.description?.length).toBe(sent.description?.trim().length)
}

/** Recorded results hold numbers as text: `"1999"`, `"02:16"`, `"8.5"`, `"98.0%"`. */
function expectItem(told: KinopoiskItem, sent: SearchItem): void {
  expectClean(told)
  const [hours, minutes] = sent.filmLength === 'null' ? [] : String(sent.filmLength ?? '').split(':')
  const rating = sent.rating === 'null' ? '' : String(sent.rating ?? '')
  expect(told).toMatchObject({
    id: sent.filmId,
    kinopoisk_id: sent.filmId,
    title: sent.nameRu ?? sent.nameEn,
    original_title: sent.nameEn ?? null,
    year: Number(String(sent.year).slice(0, 4)),
    minutes: minutes === undefined ? null : Number(hours) * 60 + Number(minutes),
    rating: rating === '' || rating.endsWith('%') ? null : Number(rating),
    await_percent: rating.endsWith('%') ? Number(rating.slice(0, -1)) : null,
    votes: sent.ratingVoteCount,
    genres: sent.genres?.map(({ genre }) => genre),
    countries: sent.countries?.map(({ country }) => country),
  })
  expect(told.description === null).toBe(!sent.description)
}

function expectClean(told: object): void {
  for (const value of Object.values(told).flat()) {
    if (typeof value === 'number') expect(value).toSatisfy(Number.isFinite)
    if (typeof value !== 'string') continue
    expect(value).not.toMatch(/^$|^null$|\u00a0|^\s|\s$/)
  }
}
