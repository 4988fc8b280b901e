import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { filmRequest, listRequest, searchRequest } from '../src/kinopoisk/endpoints.ts'
import { normaliseFilm, normaliseItem } from '../src/kinopoisk/normalise.ts'
import type { FilmResponse, SearchItem } from '../src/kinopoisk/schemas.ts'
import { supplementOf } from '../src/kinopoisk/supplements/table.ts'

const hour = 3600
const day = 24 * hour
const asked = new Date('2026-06-01T12:00:00.500Z')

const film = (known: Partial<FilmResponse>) => normaliseFilm({ kinopoiskId: 7, ...known }, asked)
const item = (known: Partial<SearchItem>) => normaliseItem({ filmId: 7, ...known })

describe('details as upstream sends them', () => {
  test('a full answer comes out typed, member by member', () => {
    const told = film({
      kinopoiskHDId: '0123456789abcdef0123456789abcdef',
      imdbId: 'tt0000007',
      nameRu: 'Название',
      nameEn: null,
      nameOriginal: 'The Title',
      posterUrl: 'https://posters.example/7.jpg',
      reviewsCount: 12,
      ratingGoodReview: 88.9,
      ratingGoodReviewVoteCount: 3,
      ratingKinopoisk: 8,
      ratingKinopoiskVoteCount: 796_307,
      ratingImdb: 8.7,
      ratingImdbVoteCount: 2_200_000,
      ratingFilmCritics: 7.7,
      ratingFilmCriticsVoteCount: 168,
      ratingAwait: 93.78,
      ratingAwaitCount: 50,
      ratingRfCritics: 83.3333,
      ratingRfCriticsVoteCount: 6,
      webUrl: 'https://www.kinopoisk.ru/film/7/',
      year: 1999,
      filmLength: 136,
      type: 'TV_SERIES',
      productionStatus: 'COMPLETED',
      ratingMpaa: 'r',
      ratingAgeLimits: 'age18',
      countries: [{ country: 'США' }, { country: 'Австралия' }],
      genres: [{ genre: 'фантастика' }, { genre: 'боевик' }],
      startYear: 2013,
      endYear: null,
      serial: true,
      completed: false,
      has3D: true,
      lastSync: '2025-03-25T23:22:09.182381',
    })
    expect(told).toEqual({
      kinopoisk_id: 7,
      kinopoisk_hd_id: '0123456789abcdef0123456789abcdef',
      imdb_id: 'tt0000007',
      name_ru: 'Название',
      name_en: null,
      name_original: 'The Title',
      poster_url: 'https://posters.example/7.jpg',
      poster_preview_url: null,
      cover_url: null,
      logo_url: null,
      web_url: 'https://www.kinopoisk.ru/film/7/',
      type: 'TV_SERIES',
      year: 1999,
      start_year: 2013,
      end_year: null,
      minutes: 136,
      slogan: null,
      description: null,
      short_description: null,
      editor_annotation: null,
      countries: ['США', 'Австралия'],
      genres: ['фантастика', 'боевик'],
      rating_kinopoisk: 8,
      rating_kinopoisk_votes: 796_307,
      rating_imdb: 8.7,
      rating_imdb_votes: 2_200_000,
      rating_film_critics: 7.7,
      rating_film_critics_votes: 168,
      rating_await_percent: 93.78,
      rating_await_votes: 50,
      rating_rf_critics_percent: 83.3333,
      rating_rf_critics_votes: 6,
      rating_good_review_percent: 88.9,
      rating_good_review_votes: 3,
      reviews_count: 12,
      mpaa: 'r',
      age_limit: 18,
      production_status: 'COMPLETED',
      serial: true,
      short_film: null,
      completed: false,
      has_imax: null,
      has_3d: true,
      is_tickets_available: null,
      last_sync: '2025-03-25T23:22:09.182Z',
      synced_at: '2026-06-01T12:00:00.500Z',
      complete: true,
    })
  })

  test('a film of which only the id is known has null for all the rest, and no genres', () => {
    const { kinopoisk_id, synced_at, complete, genres, countries, ...rest } = film({})
    expect({ kinopoisk_id, synced_at, complete, genres, countries }).toEqual({
      kinopoisk_id: 7,
      synced_at: asked.toISOString(),
      complete: true,
      genres: [],
      countries: [],
    })
    expect(Object.values(rest).every((value) => value === null)).toBe(true)
  })

  test.each([undefined, null, '', ' ', 'null', '\u00a0', '\0'])(
    '%j means unknown in every text and number',
    (nothing) => {
      const text = nothing as string
      const told = film({
        nameRu: text,
        slogan: text,
        imdbId: text,
        year: text,
        filmLength: text,
        ratingKinopoisk: text,
      })
      expect(told).toEqual(film({}))
      expect(item({ nameEn: text, year: text, filmLength: text, rating: text, description: text })).toEqual(item({}))
    },
  )

  test('no-break spaces become spaces, ends are trimmed, line breaks of a plot stay, names are one line', () => {
    const told = film({ description: '\u00a0В\u00a0городе\nN \n', nameRu: ' Два\u00a0 \nслова\u00a0' })
    expect(told.description).toBe('В городе\nN')
    expect(told.name_ru).toBe('Два слова')
  })

  test.each([
    ['Том &amp; Джерри', 'Том & Джерри'],
    ['&laquo;Кин-дза-дза!&raquo;', '«Кин-дза-дза!»'],
    ['&#171;Брат&#xBB;', '«Брат»'],
    ['1 &amp;lt; 2', '1 &lt; 2'],
    ['AT&T &copy', 'AT&T &copy'],
    ['Два&nbsp; слова', 'Два слова'],
    ['\u200bМат\u00adри\ufeffца\u200e', 'Матрица'],
    [' \u200b Матрица \u200d', 'Матрица'],
    ['\u0007Матрица\u0085', 'Матрица'],
    ['\u200b\u2060', null],
    ['👨\u200d👩\u200d👧', '👨\u200d👩\u200d👧'],
  ])('the name %j is read as %j', (sent, told) => {
    expect(film({ nameRu: sent, genres: [{ genre: sent }] })).toMatchObject({
      name_ru: told,
      genres: told ? [told] : [],
    })
  })

  test('entities are decoded in all texts', () => {
    const sent = { slogan: 'A &amp; B', description: 'A &amp; B', countries: [{ country: 'A &amp; B' }] }
    expect(film(sent)).toMatchObject({ slogan: 'A & B', description: 'A & B', countries: ['A & B'] })
  })

  test.each([
    '/images/posters/kp/7.jpg',
    '//posters.example/7.jpg',
    'https:https://posters.example/7.jpg',
    'https://https://posters.example/7.jpg',
    'https://me:secret@posters.example/7.jpg',
    `https://posters.example/${'7'.repeat(2048)}.jpg`,
    'https://posters.example/images/no-poster.gif',
    'https://posters.example/no_poster_big.png?size=1',
    'javascript:alert(1)',
    'data:image/gif;base64,AA==',
    'ftp://posters.example/7.jpg',
    'posters.example/7.jpg',
    'https://',
  ])('%s is no poster', (posterUrl) => {
    expect(film({ posterUrl, posterUrlPreview: posterUrl })).toMatchObject({
      poster_url: null,
      poster_preview_url: null,
    })
  })

  test.each([
    'https://avatars.mds.yandex.net/get-ott/2419418/2a0/orig',
    'http://posters.example/7.jpg?a=1&b=2#x',
    'https://постеры.рф/семь.jpg',
    'https://posters.example/noposterior.jpg',
  ])('%s is a poster', (url) => {
    expect(film({ posterUrl: url, coverUrl: url })).toMatchObject({ poster_url: url, cover_url: url })
  })

  test('no address of upstream runs a script', () => {
    const bad = 'javascript:alert(1)'
    const told = film({ coverUrl: bad, logoUrl: bad, webUrl: bad })
    expect(told).toMatchObject({ cover_url: null, logo_url: null, web_url: null })
  })

  test('repeated and empty genres are dropped, the order stays', () => {
    const told = film({ genres: [{ genre: 'драма' }, { genre: '' }, {}, { genre: 'аниме' }, { genre: ' драма' }] })
    expect(told.genres).toEqual(['драма', 'аниме'])
    expect(film({ genres: null, countries: null })).toMatchObject({ genres: [], countries: [] })
  })

  test.each([
    [{ ratingKinopoisk: 10.1 }, { rating_kinopoisk: null }],
    [{ ratingKinopoisk: -0.1 }, { rating_kinopoisk: null }],
    [{ ratingKinopoisk: 0 }, { rating_kinopoisk: 0 }],
    [{ ratingKinopoisk: 10 }, { rating_kinopoisk: 10 }],
    [{ ratingImdb: '7.5' }, { rating_imdb: 7.5 }],
    [{ ratingImdb: 'high' }, { rating_imdb: null }],
    [{ ratingAwait: 100.5 }, { rating_await_percent: null }],
    [{ ratingRfCritics: 100 }, { rating_rf_critics_percent: 100 }],
    [{ ratingKinopoiskVoteCount: -1 }, { rating_kinopoisk_votes: null }],
    [{ ratingKinopoiskVoteCount: 1e12 }, { rating_kinopoisk_votes: null }],
    [{ year: 0 }, { year: null }],
    [{ year: 1799 }, { year: null }],
    [{ year: 2201 }, { year: null }],
    [
      { startYear: 2013, endYear: 2022 },
      { start_year: 2013, end_year: 2022 },
    ],
    [{ filmLength: 0 }, { minutes: null }],
    [{ filmLength: -5 }, { minutes: null }],
    [{ filmLength: 90.5 }, { minutes: null }],
    [{ filmLength: 1440 }, { minutes: 1440 }],
    [{ filmLength: 1441 }, { minutes: null }],
    [{ filmLength: '24:01' }, { minutes: null }],
    [{ filmLength: '136' }, { minutes: 136 }],
    [{ ratingAgeLimits: 'age0' }, { age_limit: 0 }],
    [{ ratingAgeLimits: 'adult' }, { age_limit: null }],
    [{ lastSync: 'yesterday' }, { last_sync: null }],
    [{ lastSync: '2025-01-01T00:00:00+03:00' }, { last_sync: '2024-12-31T21:00:00.000Z' }],
  ])('%j becomes %j', (sent, told) => {
    expect(film(sent)).toMatchObject(told)
  })

  test('a name longer than its column is cut, without half a character or a space at the end', () => {
    expect(film({ nameRu: 'я'.repeat(600) }).name_ru).toBe('я'.repeat(500))
    expect(film({ nameRu: `${'я'.repeat(499)} конец` }).name_ru).toBe('я'.repeat(499))
    expect(film({ nameRu: `${'я'.repeat(499)}😀` }).name_ru).toBe('я'.repeat(499))
    expect(film({ genres: [{ genre: 'ж'.repeat(150) }] }).genres).toEqual(['ж'.repeat(100)])
  })

  test('whatever is sent in the right shape, what comes out can be stored', () => {
    const loose = fc.option(
      fc.oneof(fc.string({ unit: 'binary', maxLength: 700 }), fc.double(), fc.constant('\ud800\0')),
    )
    const sent = fc.record({ nameRu: loose, year: loose, filmLength: loose, ratingKinopoisk: loose, lastSync: loose })
    fc.assert(
      fc.property(sent, (values) => {
        const told = film({ ...(values as Partial<FilmResponse>), genres: [{ genre: values.nameRu as string }] })
        for (const text of [told.name_ru, ...told.genres].filter((value) => value !== null)) {
          expect(text.isWellFormed() && !text.includes('\0') && text === text.trim() && text.length > 0).toBe(true)
        }
        expect(told.name_ru?.length ?? 1).toBeLessThanOrEqual(500)
        expect(told.year ?? 1800).toSatisfy((year: number) => Number.isInteger(year) && year >= 1800 && year <= 2200)
        expect(told.minutes ?? 1).toSatisfy((n: number) => Number.isInteger(n) && n >= 1 && n <= 1440)
        expect(told.rating_kinopoisk ?? 0).toSatisfy((rating: number) => rating >= 0 && rating <= 10)
      }),
    )
  })
})

describe('search results as upstream sends them', () => {
  test.each([
    ['1999', 1999],
    ['2018-...', 2018],
    ['1957-1959', 1957],
    ['199', null],
    ['скоро', null],
    [2024, 2024],
  ])('the year %j is %j', (year, told) => {
    expect(item({ year }).year).toBe(told)
  })

  test.each([
    ['02:16', 136],
    ['2:17', 137],
    ['00:00', null],
    ['1:2', null],
    ['long', null],
    [95, 95],
  ])('the length %j is %j minutes', (filmLength, told) => {
    expect(item({ filmLength }).minutes).toBe(told)
  })

  test.each([
    ['8.5', 8.5, null],
    [8.5, 8.5, null],
    ['98.0%', null, 98],
    ['99%', null, 99],
    ['7.9 %', null, 7.9],
    ['%', null, null],
    ['11', null, null],
    ['120%', null, null],
  ])('the rating %j is the rating %j and the expectation %j', (rating, number, percent) => {
    expect(item({ rating })).toMatchObject({ rating: number, await_percent: percent })
  })

  test('nameEn is the original title, and the title where there is no Russian one', () => {
    expect(item({ nameRu: 'Поток', nameEn: 'Straume' })).toMatchObject({ title: 'Поток', original_title: 'Straume' })
    expect(item({ nameEn: 'Straume' })).toMatchObject({ title: 'Straume', original_title: 'Straume' })
    expect(item({ nameRu: 'null', nameEn: '' })).toMatchObject({ title: '7', original_title: null })
  })
})

describe('the reading of an answer', () => {
  const good = { kinopoiskId: 7, nameRu: 'Фильм', year: 1999 }

  test('what fits is read as it is, with whatever else upstream has', () => {
    const sent = { ...good, boxOffice: [1] }
    expect(filmRequest(7).read(sent)).toBe(sent)
  })

  test.each([
    ['another film', { ...good, kinopoiskId: 8 }],
    ['another film, which has this one as its other id', { ...good, kinopoiskId: 8, filmId: 7 }],
    ['no id', { nameRu: 'Фильм' }],
    ['an id of null', { ...good, kinopoiskId: null }],
    ['an id with a fraction', { ...good, kinopoiskId: 7.5 }],
    ['an error with status 200', { message: 'Something' }],
    ['a list', [good]],
    ['null', null],
    ['a text', 'film'],
  ])('%s is no answer about film 7', (_, sent) => {
    expect(filmRequest(7).read(sent)).toBeUndefined()
  })

  test.each([
    ['no films', { searchFilmsCountResult: 5 }],
    ['null for films', { searchFilmsCountResult: 5, films: null }],
    ['null for both', { searchFilmsCountResult: null, films: null }],
    ['films that are an object', { searchFilmsCountResult: 1, films: {} }],
    ['no film with an id', { searchFilmsCountResult: 2, films: [{ nameRu: 'Фильм' }, null] }],
    ['an error with status 200', { message: 'Something' }],
    ['the echo of the keyword alone', { keyword: 'x', pagesCount: 0 }],
    ['a list', []],
    ['null', null],
  ])('%s is no search answer', (_, sent) => {
    expect(searchRequest('x', 1).read(sent)).toBeUndefined()
  })

  test.each([
    ['no total', { films: [{ filmId: 7 }] }, undefined],
    ['a total of text', { searchFilmsCountResult: ' 21 ', films: [{ filmId: 7 }] }, 21],
    ['the total of other lists', { total: 21, films: [{ filmId: 7 }] }, 21],
    ['a negative total', { searchFilmsCountResult: -1, films: [{ filmId: 7 }] }, undefined],
    ['the name of other lists', { total: 21, items: [{ kinopoiskId: '7' }] }, 21],
    ['an id of text', { searchFilmsCountResult: 21, films: [{ filmId: '7' }] }, 21],
  ])('%s does not spoil a search answer', (_, sent, total) => {
    expect(searchRequest('x', 1).read(sent)).toEqual({ rows: [{ filmId: 7 }], total, sent: 1, unusable: 0 })
  })

  test('nothing found is an empty list, or a total of 0', () => {
    for (const sent of [{ films: [] }, { films: null, total: '0' }, { searchFilmsCountResult: 0 }]) {
      expect(searchRequest('x', 1).read(sent)?.rows).toEqual([])
    }
  })

  test('each odd member is named once, and each row that is left out', () => {
    const odd: string[] = []
    const films = [{ filmId: 7, type: 5, genres: [null, 1, 'драма'] }, { filmId: -1 }, null, { filmId: 8, rating: {} }]
    const page = searchRequest('x', 1).read({ searchFilmsCountResult: 'many', films }, (member) => odd.push(member))
    expect(page).toMatchObject({ rows: [{ filmId: 7, genres: [{ genre: 'драма' }] }, { filmId: 8 }], unusable: 2 })
    expect(odd.toSorted()).toEqual(['genres', 'genres', 'id', 'id', 'rating', 'searchFilmsCountResult', 'type'])
  })

  test('the first of equal rows is the row; of the staff each profession is one', () => {
    const films = [{ filmId: 7, nameRu: 'a' }, { filmId: 8 }, { filmId: '7', nameRu: 'b' }]
    expect(searchRequest('x', 1).read({ films })?.rows).toEqual([{ filmId: 7, nameRu: 'a' }, { filmId: 8 }])
    const staff = ['DIRECTOR', 'ACTOR', 'DIRECTOR'].map((professionKey) => ({ staffId: 1, professionKey }))
    expect(supplementOf('staff', { id: 7 }).request.read(staff)).toMatchObject({ rows: { length: 2 } })
  })

  test('whatever is sent, reading it throws nothing, and what is read can be normalised', () => {
    const names = ['kinopoiskId', 'filmId', 'nameRu', 'year', 'serial', 'genres', 'posterUrl', 'filmLength', 'lastSync']
    const row = fc.oneof(fc.dictionary(fc.constantFrom(...names), fc.jsonValue({ maxDepth: 3 })), fc.jsonValue())
    fc.assert(
      fc.property(row, fc.array(row), (one, films) => {
        const details = filmRequest(7).read({ ...(one as object), kinopoiskId: '7' })
        expect(details && normaliseFilm(details, asked).kinopoisk_id).toBe(7)
        for (const item of searchRequest('x', 1).read({ films })?.rows ?? [])
          expect(normaliseItem(item).id).toBeGreaterThan(0)
      }),
    )
  })

  test.each([
    ['released and rated', { ratingKinopoisk: 7.5, year: 1999, productionStatus: null }, 30 * day],
    ['completed and rated', { ratingKinopoisk: '7.5', year: 1999, productionStatus: 'COMPLETED' }, 30 * day],
    ['not rated', { ratingKinopoisk: null, year: 1999 }, day],
    ['of a year to come', { ratingKinopoisk: 7.5, year: 2199 }, day],
    ['being filmed', { ratingKinopoisk: 7.5, year: 1999, productionStatus: 'FILMING' }, day],
    ['announced', { ratingKinopoisk: 7.5, year: 1999, productionStatus: 'ANNOUNCED' }, day],
  ])('a film %s stays true for its time', (_, sent, seconds) => {
    expect(filmRequest(7).ttlSeconds({ kinopoiskId: 7, ...sent })).toBe(seconds)
  })

  test('what was not found, and a search, stay so for a day; a page of a list that is not there for an hour', () => {
    expect(filmRequest(7).ttlSeconds(null)).toBe(day)
    expect(searchRequest('x', 1).ttlSeconds(null)).toBe(day)
    const page = { rows: [], total: 1, sent: 1, unusable: 0 }
    expect(searchRequest('x', 1).ttlSeconds(page)).toBe(day)
    expect(searchRequest('x', 1).ttlSeconds({ ...page, rows: [{ filmId: 7 }] })).toBe(day)
    expect(listRequest({ year: 1999 }, 1).ttlSeconds(null)).toBe(hour)
    expect(listRequest({ year: 1999 }, 1).ttlSeconds({ rows: [], total: 0, sent: 0, unusable: 0 })).toBe(30 * day)
  })
})
