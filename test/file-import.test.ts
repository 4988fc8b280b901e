import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestApp, testApp } from './support/app.ts'
import { fileOf, zipOf } from './support/files.ts'
import { collector } from './support/lists.ts'
import { expectProblem } from './support/problems.ts'

/** Files as people have them, rebuilt from public reports; test/files has them, named by what is odd about them. */

const [matrix, fightClub, gladiator, titanic, inception] = [301, 361, 474, 2213, 447301]
let service: TestApp

beforeAll(async () => {
  service = await testApp()
  const ann = await collector(service)
  const others = [299, 316, 435, 4205, 25108, 32898, 111543, 279756, 409424, 464963, 590286, 592260, 843650, 1201206]
  for (const id of [matrix, fightClub, gladiator, titanic, inception, ...others]) {
    expect((await ann.request({ method: 'GET', url: `/movies/${id}` })).statusCode).toBe(200)
  }
})
afterAll(() => service.close())

/** As a client sends it that names the file without its number. */
async function send(file: string, { query = '', name = file.replace(/^(?:.*\/)?\w+-/, '') } = {}) {
  const ann = await collector(service)
  const report = await ann.upload(fileOf(file), { query, name })
  return { ann, report, ratings: await ann.ratings(), times: await ann.times() }
}

async function refusalOf(content: Buffer | string, name: string, status = 400, query = ''): Promise<string> {
  const ann = await collector(service)
  const code = status === 400 ? 'invalid_input' : status === 415 ? 'unsupported_media_type' : 'payload_too_large'
  const problem = expectProblem(await ann.send(content, { name, query }), status, code)
  expect(`${problem.detail}`).not.toMatch(/query\.list|body\.file/)
  return problem.detail as string
}

const nine = [[matrix, 9]]
const second = ['2024-01-02T00:00:00.000Z']

describe('Forms', () => {
  test.each([
    [
      'L07-letterboxd-import-format.csv',
      'letterboxd_import',
      [
        [fightClub, 8],
        [matrix, 9],
      ],
      ['2024-01-03T00:00:00.000Z', ...second],
    ],
    ['L07b-letterboxd-import-imdbid.csv', 'letterboxd_import', nine, second],
    ['L08-kinorium-votes-utf16le.csv', 'kinorium', nine, ['2024-01-02T10:11:12.000Z']],
    ['L08b-kinorium-votes-utf8.tsv', 'kinorium', nine, ['2024-01-02T10:11:12.000Z']],
    ['L09-kinopoisk-html.xls', 'kinopoisk', nine, ['2016-04-11T10:53:27.000Z']],
    ['L09b-kinopoisk-html-utf8.xls', 'kinopoisk', nine, ['2016-04-11T10:53:27.000Z']],
    ['L10-kinopoisk-cp1251.csv', 'kinopoisk', nine, ['2016-04-11T10:53:27.000Z']],
    ['L10b-kinopoisk-utf8.csv', 'kinopoisk', nine, ['2016-04-11T10:53:27.000Z']],
    ['L12-movary-ratings.csv', 'movary', nine, undefined],
    ['L14-trakt-ratings.json', 'trakt', nine, ['2024-01-02T10:00:00.000Z']],
    ['L15-simkl.csv', 'simkl', nine, ['2022-06-17T07:54:00.000Z']],
    ['L16-tmdb-ratings.csv', 'tmdb', nine, ['2024-01-02T10:00:00.000Z']],
    [
      'L18-imdb-year-span.csv',
      'imdb',
      [
        [464963, 9],
        [matrix, 9],
      ],
      [...second, ...second],
    ],
    ['works-today/L20-imdb-german.csv', 'imdb', nine, second],
    [
      'works-today/L04-letterboxd-reviews.csv',
      'letterboxd',
      [
        [fightClub, 6],
        [matrix, 9],
      ],
      ['2024-02-01T00:00:00.000Z', '2024-01-01T00:00:00.000Z'],
    ],
  ])('%s is read as %s', async (file, format, ratings, times) => {
    const sent = await send(file)
    expect(sent.report).toMatchObject({ format, failed: 0, warnings: [], created: ratings.length })
    expect(sent.ratings).toEqual(ratings)
    if (times) expect(sent.times).toEqual(times)
  })

  test.each([
    ['L02-letterboxd-list-v7.csv', 'letterboxd_list', [matrix, 843650]],
    ['L03-letterboxd-watched.csv', 'letterboxd', [matrix]],
    ['L12b-movary-history.csv', 'movary', [matrix]],
    ['L16b-movieo.csv', 'plain', [matrix]],
    ['L21-imdb-watchlist-uuid-name.csv', 'imdb', [matrix, fightClub]],
    ['L44b-cr-only-watchlist.csv', 'letterboxd', [matrix, fightClub]],
    ['L44c-mixed-line-ends.csv', 'letterboxd', [matrix, fightClub, gladiator]],
    ['L70-imdb-list-worst-films.csv', 'imdb', [matrix]],
    ['L71-watched-films.csv', 'letterboxd', [matrix]],
    ['works-today/L44d-crcrlf.csv', 'letterboxd', [matrix, fightClub]],
  ])('%s is of the form %s, and which list it is must be said', async (file, format, films) => {
    const detail = await refusalOf(fileOf(file), file.replace(/^L\d+-/, ''))
    expect(detail).toMatch(/list=favorites or list=wishlist/)
    expect(detail.includes('keeps no list of those')).toBe(/watched|history/.test(file))
    const { ann, report } = await send(file, { query: '?list=wishlist' })
    expect(report).toMatchObject({ format, created: films.length, failed: 0 })
    expect((await ann.wishlist()).toSorted()).toEqual(films.toSorted())
  })

  test('a file of Yamtrack is recognised, and its films, without year and IMDb id, are reported', async () => {
    const { report } = await send('L13-yamtrack.csv')
    expect(report).toMatchObject({ format: 'yamtrack', failed: 1 })
    expect(report.errors[0]?.message).toMatch(/without a year or an id a title says too little/)
  })

  test.each([
    ['title,year,rating,imdb_id', 'The Matrix,1999,9,'],
    ['Movie;Release Year;My Rating', 'the matrix;1999;9'],
    ['IMDb ID\tYour Rating', 'tt0133093\t9'],
    ['Название;Год;Моя оценка', 'Матрица;1999;9'],
    ['Название фильма,Год выпуска,Оценка', 'МАТРИЦА,1999,9/10'],
    ['Назва;Рік;Оцінка', 'Матрица;1999;9,0'],
    ['Оригінальна назва;Рік випуску;Моя оцінка;Дата перегляду', 'The Matrix;1999;9;02.01.2024'],
    ['Ссылка;Оценка', 'https://www.kinopoisk.ru/film/301/;9'],
    ['kinopoisk_id,score', '301.0,9.0'],
  ])('a plain table with the columns %s is read', async (header, row) => {
    const ann = await collector(service)
    const report = await ann.upload(`${header}\n${row}\n`, { name: 'my films.csv' })
    expect(report).toMatchObject({ format: 'plain', created: 1, failed: 0, warnings: [] })
    expect(await ann.ratings()).toEqual(nine)
  })

  test.each([
    ['Назва;Рік;Рейтинг;Моя оцінка', 'Матрица;1999;8;9'],
    ['Назва;Рік;Оценка;Моя оцінка', 'Матрица;1999;8;9'],
    ['Title,Year,Rating,Моя оценка', 'The Matrix,1999,8,9'],
    ['Title,Year,Рейтинг,My Score', 'The Matrix,1999,8,9'],
    ['Title,Year,Rating,My Rating,Watched Date', 'The Matrix,1999,4,9,2024-01-02'],
  ])('of the scores in %s those of the owner are taken, in whatever language', async (header, row) => {
    const ann = await collector(service)
    expect(await ann.upload(`${header}\n${row}\n`)).toMatchObject({ format: 'plain', created: 1, failed: 0 })
    expect(await ann.ratings()).toEqual(nine)
  })

  test.each([
    [
      'Title,Year,Rating,Watched Date',
      'The Matrix,1999,9,2024-01-02\nFight Club,1999,4,2024-01-02\nGladiator,2000,5,2024-01-02',
      [5, 4, 9],
    ],
    ['IMDb ID,Rating,Watched Date', 'tt0133093,5,2024-01-02\ntt0137523,8,2024-01-02', [8, 5]],
    ['Title,Year,Rating,Rewatch,Date', 'The Matrix,1999,9,,2024-01-02', [9]],
    ['Title,Year,Rating,Rewatch,Date', 'The Matrix,1999,4.5,,2024-01-02', [9]],
    ['Title,Year,My Rating,Watched Date', 'The Matrix,1999,4,2024-01-02', [4]],
    ['Title,Year,Оценка,Watched Date', 'The Matrix,1999,4,2024-01-02', [4]],
    ['title,year,imdb_id,tmdb_id,rating,watched_at', 'The Matrix,1999,tt0133093,603,4,2024-01-02', [4]],
  ])('a table with the columns %s is read whole: %j', async (header, rows, scores) => {
    const ann = await collector(service)
    const report = await ann.upload(`${header}\n${rows}\n`, { query: '?list=ratings' })
    expect(report).toMatchObject({ created: scores.length, failed: 0, warnings: [] })
    expect((await ann.ratings()).map(([, score]) => score)).toEqual(scores)
    expect(await ann.times()).toEqual(scores.map(() => second[0]))
  })

  test("a history of Trakt's with episodes has no films of theirs", async () => {
    const ann = await collector(service)
    const header =
      'watched_at,action,type,title,year,trakt_rating,trakt_id,imdb_id,tmdb_id,tvdb_id,season_number,episode_number'
    const rows =
      '2024-01-02,watch,movie,The Matrix,1999,8.2,481,tt0133093,603,,,\n2024-01-02,watch,episode,Fight Club,1999,8.2,1,,,,1,2\n'
    const report = await ann.upload(`${header}\n${rows}`, { query: '?list=wishlist' })
    expect(report).toMatchObject({ created: 1, failed: 1 })
    expect(report.errors).toEqual([{ row: 3, message: 'the row is a TV episode, not a film' }])
    expect(await ann.wishlist()).toEqual([matrix])
  })

  test.each([
    ['title,year,rating', ['95', '10', '7'], /of 100 or of 20/],
    ['Title,Year,My Rating', ['18', '12', '7'], /of 100 or of 20/],
    ['Title,Year,Rating,WatchedDate', ['95,', '10,', '7,'], /of 100 or of 20/],
    ['title,year,rating', ['5', '4½', '3.75'], /of 5 stars/],
    ['Название;Год;Рейтинг', ['8,5', '8,0', '8,7'], /those of a site/],
  ])('of scores in %s such as %j none is taken, and why is said', async (header, scores, why) => {
    const ann = await collector(service)
    const separator = header.includes(';') ? ';' : ','
    const films = ['The Matrix;1999', 'Fight Club;1999', 'Gladiator;2000']
    const rows = scores.map((score, i) => `${films[i]?.replace(';', separator)}${separator}${score}`)
    const report = await ann.upload([header, ...rows].join('\n'))
    expect(report).toMatchObject({ created: 0, failed: 3 })
    expect(report.errors.some(({ message }) => why.test(message))).toBe(true)
    expect(await ann.ratings()).toEqual([])
  })

  test.each(['11', '8.5', '0'])('one score of %s is a fault of its row, and the others are taken', async (score) => {
    const ann = await collector(service)
    const report = await ann.upload(
      `title,year,rating\nThe Matrix,1999,9\nFight Club,1999,${score}\nGladiator,2000,7\n`,
    )
    expect(report).toMatchObject({ created: 2, failed: 1 })
    expect(report.errors).toMatchObject([{ row: 3, message: expect.stringMatching(/a whole number from 1 to 10/) }])
  })

  test('half scores of which none is above five are of another scale: nothing is taken', async () => {
    const ann = await collector(service)
    const report = await ann.upload('title,year,rating\nThe Matrix,1999,5\nFight Club,1999,4.5\n')
    expect(report).toMatchObject({ created: 0, failed: 2 })
    expect(report.errors[0]?.message).toMatch(/of 5 stars/)
    const mixed = await ann.upload('title,year,rating\nThe Matrix,1999,9\nFight Club,1999,4.5\n')
    expect(mixed).toMatchObject({ created: 1, failed: 1 })
  })

  test('lists of Trakt and Simkl say by their name or row that a film is to be watched', async () => {
    const ann = await collector(service)
    const movie = (title: string, imdb: string) => ({ title, year: 1999, ids: { trakt: 1, imdb } })
    const watchlist = [
      { rank: 1, listed_at: '2024-01-02T10:00:00.000Z', type: 'movie', movie: movie('x', 'tt0133093') },
    ]
    expect(await ann.upload(JSON.stringify(watchlist), { name: 'lists-watchlist.json' })).toMatchObject({ created: 1 })
    const simkl =
      'SIMKL_ID,Title,Type,Year,Watchlist,LastEpWatched,WatchedDate,Rating,Memo,TVDB,TMDB,IMDB\n' +
      '2,Fight Club,movie,1999,plantowatch,,,,,,550,tt0137523\n3,Gladiator,movie,2000,completed,,,,,,98,tt0172495\n'
    expect(await ann.upload(simkl)).toMatchObject({ created: 1, skipped: 1, skipped_because: { no_score: 1 } })
    expect((await ann.wishlist()).toSorted()).toEqual([matrix, fightClub])
    expect(await refusalOf('{"a": 1}', 'a.json')).toMatch(/JSON.*Trakt/)
    expect(await refusalOf('[{"rating": 9', 'a.json')).toMatch(/is cut/)
  })
})

describe('Archives', () => {
  test('the export of Letterboxd goes to all three lists in one go, with a report for each file', async () => {
    const { ann, report } = await send('L01-letterboxd-export.zip')
    expect(report).toMatchObject({ format: 'letterboxd', rows: 3, created: 3, failed: 0 })
    expect(report.files.map(({ file, created }) => [file, created])).toEqual([
      ['ratings.csv', 1],
      ['watchlist.csv', 1],
      ['likes/films.csv', 1],
    ])
    expect(report.ignored).toEqual([
      { file: 'profile.csv', reason: expect.stringMatching(/"Date Joined".* no known form$/) },
    ])
    expect([await ann.ratings(), await ann.wishlist(), await ann.favorites()]).toEqual([nine, [fightClub], [gladiator]])
  })

  test('of scores of one film the newest counts, wherever it is, and that of the ratings on the same day', async () => {
    const ann = await collector(service)
    const diary = (rows: string) => `Date,Name,Year,Letterboxd URI,Rating,Rewatch,Tags,Watched Date\n${rows}`
    const zip = zipOf([
      {
        name: 'x/ratings.csv',
        content:
          'Date,Name,Year,Letterboxd URI,Rating\n2024-01-02,The Matrix,1999,u1,4.5\n2020-01-01,Gladiator,2000,u2,1\n',
      },
      {
        name: 'x/diary.csv',
        content: diary('2024-01-02,The Matrix,1999,d1,1,,,2024-01-02\n2021-01-01,Gladiator,2000,d2,5,,,2021-01-01\n'),
      },
      { name: 'x/deleted/diary.csv', content: diary('2025-01-01,Titanic,1997,d3,1,,,2025-01-01\n') },
      { name: '__MACOSX/x/._ratings.csv', content: 'x' },
    ])
    const report = await ann.upload(zip, { name: 'letterboxd-ann-2024-01-02-03-04-utc.zip' })
    expect(report).toMatchObject({ rows: 4, created: 2, skipped: 2, skipped_because: { repeated: 2 } })
    expect(report.ignored.map(({ file }) => file)).toEqual(['x/deleted/diary.csv', '__MACOSX/x/._ratings.csv'])
    expect(await ann.ratings()).toEqual([
      [matrix, 9],
      [gladiator, 10],
    ])
  })

  test('faults name their file', async () => {
    const ann = await collector(service)
    const header = 'Date,Name,Year,Letterboxd URI,Rating\n'
    const zip = zipOf([
      { name: 'ratings.csv', content: `${header}2024-01-02,The Matrix,1999,u,9\n` },
      { name: 'reviews.csv', content: `${header}2024-01-02,The Matrix,1999,u,4.25\n` },
    ])
    const { errors } = await ann.upload(zip)
    expect(errors.map(({ file, row, column }) => [file, row, column])).toEqual([
      ['ratings.csv', 2, 'Rating'],
      ['reviews.csv', 2, 'Rating'],
    ])
  })

  test("Trakt's export is read, without its histories", async () => {
    const ann = await collector(service)
    const ratings = fileOf('L14-trakt-ratings.json')
    const watched =
      '[{"plays":1,"last_watched_at":"2024-01-02T10:00:00.000Z","movie":{"title":"Titanic","year":1997,"ids":{}}}]'
    const zip = zipOf([
      { name: 'trakt/ratings/ratings-movies.json', content: ratings },
      { name: 'trakt/watched/watched-movies.json', content: watched },
    ])
    const report = await ann.upload(zip)
    expect(report).toMatchObject({ format: 'trakt', rows: 1, created: 1 })
    expect(report.ignored).toEqual([
      { file: 'trakt/watched/watched-movies.json', reason: expect.stringMatching(/films that were watched/) },
    ])
  })

  test('archives that expand too far, have too many files, or are damaged are refused', { tags: 'slow' }, async () => {
    const bomb = Buffer.alloc(17 * 1024 ** 2, 'x')
    expect(await refusalOf(zipOf([{ name: 'ratings.csv', content: bomb }]), 'a.zip')).toMatch(
      /expands to more than it may/,
    )
    const lying = zipOf([{ name: 'ratings.csv', content: bomb, claimed: 100 }])
    expect(await refusalOf(lying, 'a.zip', 415)).toMatch(/damaged/)
    const many = Array.from({ length: 2001 }, (_, i) => ({ name: `${i}.csv`, content: '' }))
    expect(await refusalOf(zipOf(many), 'a.zip')).toMatch(/more than 2000 files/)
    expect(await refusalOf(zipOf([{ name: 'a.txt', content: 'hello' }]), 'a.zip')).toMatch(
      /no file that can be read; a\.txt: /,
    )
    expect(await refusalOf(fileOf('L01-letterboxd-export.zip').subarray(0, 500), 'a.zip', 415)).toMatch(
      /damaged or not complete/,
    )
    expect(await refusalOf(fileOf('L01-letterboxd-export.zip'), 'a.zip', 400, '?list=wishlist')).toMatch(
      /leave out list/,
    )
  })
})

describe('Evidence', () => {
  test('two ids of one file on one film are both reported, and an episode is told as such', async () => {
    const { sql } = service.app.database
    const [film] =
      await sql`insert into films (name, original_name, year) values ('Тайна', 'The Secret', 2019) returning id`
    const { report, ratings } = await send('L17-imdb-tv-episode.csv')
    expect(report).toMatchObject({ rows: 2, created: 0, failed: 2 })
    expect(report.errors[0]).toMatchObject({ row: 2, message: 'the row is a TV episode, not a film' })
    expect(report.errors[1]?.message).toMatch(
      new RegExp(`^rows 2, 3 are one film here, ${film?.id}, and two in the file`),
    )
    expect(ratings).toEqual([])
  })

  test.each([
    'TV Episode',
    'tvEpisode',
    'Video Game',
    'Podcast Series',
    'Podcast Episode',
    'Fernsehepisode',
    'Эпизод',
    '2 серия',
    'TV Season',
    '2 сезон',
    'Игры',
    'Книги',
    'Music Video',
  ])('a row of the type %s is not taken for a film, though its id is of one', async (type) => {
    const ann = await collector(service)
    const report = await ann.upload(`Const,Your Rating,Title,Title Type,Year\ntt0133093,9,The Matrix,${type},1999\n`)
    expect(report).toMatchObject({
      created: 0,
      failed: 1,
      errors: [{ message: expect.stringMatching(/^the row is an? .*, not a film$/) }],
    })
  })

  test('two addresses of Letterboxd with one title and year are two films, in ratings and not in a diary', async () => {
    const { report, ratings } = await send('L90-two-films-one-title.csv')
    expect(report).toMatchObject({ created: 0, failed: 2 })
    expect(ratings).toEqual([])
    expect((await send('L33-diary-newest-first.csv')).report).toMatchObject({ created: 1, failed: 0 })
  })

  test('two TMDB ids with one title and year are two films, in a diary too', async () => {
    const ann = await collector(service)
    const header = 'tmdbID,Title,Year,Rating10,WatchedDate'
    const rivals = '603,The Matrix,1999,9,2024-01-02\n999603,The Matrix,1999,2,2024-02-02\n'
    expect(await ann.upload(`${header}\n${rivals}`)).toMatchObject({ created: 0, failed: 2 })
    const twice = '603,The Matrix,1999,2,2024-01-02\n603,The Matrix,1999,9,2024-02-02\n'
    expect(await ann.upload(`${header}\n${twice}`)).toMatchObject({ created: 1, skipped_because: { repeated: 1 } })
    expect(await ann.ratings()).toEqual(nine)
  })

  test.each([
    [
      'a sequel that is known here',
      'list,film_id,kinopoisk_id,imdb_id,title,original_title,year,rating,added_at,updated_at',
      'ratings,301,301,tt0133093,Матрица: Перезагрузка,The Matrix Reloaded,2003,2,2024-01-02T00:00:00Z,',
    ],
    [
      'ids that are swapped',
      'Const,Your Rating,Date Rated,Title,Year',
      'tt0133093,9,2024-01-02,The Matrix Reloaded,2003\ntt0234215,2,2024-01-02,The Matrix,1999',
    ],
    ['a remake of the same title', 'kinopoisk_id,title,year,rating', '4205,Бэтмен,2022,3\n590286,Бэтмен,1989,9'],
    [
      'an address of the first part',
      'Ссылка;Название;Год;Оценка',
      'https://www.kinopoisk.ru/film/301/;Матрица: Революция;2003;4',
    ],
    ['a sequel that is not known here', 'kinopoisk_id,title,year,rating', '409424,Дюна: Часть вторая,2024,3'],
    [
      'an IMDb id of another film',
      'Title,Original Title,Type,Year,My rating,IMDb ID',
      'Матрица,The Matrix,Фильм,1999,2,tt0137523',
    ],
  ])('a row contradicts itself with %s', async (_, header, rows) => {
    const ann = await collector(service)
    const report = await ann.upload(`${header}\n${rows}\n`)
    expect(report).toMatchObject({ created: 0, failed: rows.split('\n').length })
    for (const { message } of report.errors) expect(message).toMatch(/^the row contradicts itself: /)
  })

  test.each([
    ['301,Die Matrix,1998', 'a translation, and the year before'],
    ['301,Matrix,1999', 'a part of the title'],
    ['301,the MATRIX,2005', 'its very title, though of a far year'],
    ['409424,Дюна,2020', 'its title without the part'],
    ['592260,Эрнест и Селестина,2012', 'its title without what is behind the colon'],
    ['111543,Тёмный рыцарь (режиссёрская версия),2008', 'its title with more behind it'],
  ])('the row %s is sound: %s', async (row) => {
    const ann = await collector(service)
    const report = await ann.upload(`kinopoisk_id,title,year,rating\n${row},9\n`)
    expect(report).toMatchObject({ created: 1, failed: 0, warnings: [] })
    expect(await ann.ratings()).toEqual([[Number.parseInt(row, 10), 9]])
  })

  test('a row whose ids are of two films is reported', async () => {
    const { report, ratings } = await send('L73-own-one-column-sorted.csv')
    expect(report).toMatchObject({ created: 0, failed: 2 })
    expect(report.errors[0]?.message).toBe(
      'the row contradicts itself: "Матрица" (1999, 301) has the IMDb id tt0133093, not tt0137523',
    )
    expect(ratings).toEqual([])
    expect((await send('works-today/L74-own-unknown-kp-known-imdb.csv')).report).toMatchObject({
      created: 0,
      failed: 1,
    })
  })

  test('an IMDb id that is not known here is looked up before title and year are believed', async () => {
    const { sql } = service.app.database
    await sql`insert into films (name, original_name, year) values ('Зелёная книга', 'Green Book', 2018), ('Омут', 'Whirl', 2011)`
    const ann = await collector(service)
    const [film] = await sql`select count(*)::int as n from films where id = 102125`
    expect(film?.n).toBe(0)
    const before = service.calls.length
    const report = await ann.upload(
      'Const,Your Rating,Title,Title Type,Year\ntt0449467,7,Babel,Movie,2006\ntt7654321,8,Whirl,Movie,2011\n',
    )
    expect(report).toMatchObject({ created: 2, failed: 0 })
    expect((await ann.ratings()).map(([, value]) => value)).toEqual([8, 7])
    expect((await ann.ratings())[1]?.[0]).toBe(102125)
    expect(report.warnings).toEqual([{ row: 3, message: 'found by title and year: Kinopoisk does not know tt7654321' }])
    const paths = service.calls.slice(before).map(({ path }) => path)
    expect(paths.filter((path) => path.includes('imdbId=')).toSorted()).toEqual([
      '/api/v2.2/films?imdbId=tt0449467',
      '/api/v2.2/films?imdbId=tt7654321',
    ])
  })

  test('an IMDb id that cannot be looked up leaves title and year, and the row says so', { tags: 'slow' }, async () => {
    const own = await testApp()
    const ann = await collector(own)
    await own.app.database.sql`insert into films (name, original_name, year) values ('Омут', 'Whirl', 2011)`
    own.sandbox.fail(402)
    const report = await ann.upload(
      'Const,Your Rating,Title,Title Type,Year\ntt7654321,8,Whirl,Movie,2011\ntt7654322,8,Other,Movie,2011\n',
    )
    expect(report).toMatchObject({ created: 1, failed: 1, problem: { code: 'upstream_quota_exhausted' } })
    expect(report.warnings[0]?.message).toMatch(/^found by title and year; tt7654321 could not be looked up: /)
    expect(report.errors[0]?.message).toMatch(
      /^No film known here is "Other" \(2011\), tt7654322; tt7654322 could not be looked up: /,
    )
    await own.close()
  })
})

describe('Nothing is dropped without a word', () => {
  test('dates as spreadsheets leave them are read, and those of two meanings reported', async () => {
    const { report, ratings, times } = await send('L23-dates-mangled.csv')
    expect(report).toMatchObject({ created: 4, failed: 0, warnings_total: 2 })
    expect(report.warnings.map(({ row, column }) => [row, column])).toEqual([
      [2, 'Date'],
      [5, 'Date'],
    ])
    expect(report.warnings[0]?.message).toMatch(/not "1\/2\/2018": now is used in its place$/)
    expect(times.slice(2)).toEqual(['2018-01-02T00:00:00.000Z', '2018-01-02T00:00:00.000Z'])
    expect(ratings).toHaveLength(4)
  })

  test('a row of IMDb without its id goes by title and year', async () => {
    const ann = await collector(service)
    const report = await ann.upload('Const,Your Rating,Title,Year\n,9,The Matrix,1999\n,9,,\n')
    expect(report).toMatchObject({ format: 'imdb', created: 1, failed: 1 })
  })

  test.each(['Date Rated', 'Date Added', 'Created'])(
    'the day of a score of IMDb is in the column %s',
    async (column) => {
      const ann = await collector(service)
      await ann.upload(`Const,Your Rating,${column},Title,Year\ntt0133093,9,2017-05-06,x,1999\n`)
      expect(await ann.times()).toEqual(['2017-05-06T00:00:00.000Z'])
    },
  )

  test('a day that is not understood leaves the next column with one, and a length is no day', async () => {
    const ann = await collector(service)
    const report = await ann.upload('imdb_id,rating,Date Rated,Date Added\ntt0133093,9,n/a,2020-01-01\n')
    expect(report.warnings).toEqual([
      { row: 2, column: 'Date Rated', message: expect.stringMatching(/not "n\/a": Date Added is used in its place$/) },
    ])
    expect(await ann.times()).toEqual(['2020-01-01T00:00:00.000Z'])
    for (const length of ['136 min', '136 мин.', '2 ч 16 мин']) {
      expect(await ann.upload(`title,year,rating,Time\nThe Matrix,1999,9,${length}\n`)).toMatchObject({ warnings: [] })
    }
    expect(await ann.upload('title,year,rating,Time\nThe Matrix,1999,9,later\n')).toMatchObject({ warnings_total: 1 })
  })

  test('a score beside a film of a list without scores is told', async () => {
    const ann = await collector(service)
    const report = await ann.upload('list,title,year,rating\nfavorites,The Matrix,1999,9\nwishlist,Fight Club,1999,\n')
    expect(report).toMatchObject({ created: 2, failed: 0 })
    expect(report.warnings).toEqual([
      { row: 2, column: 'rating', message: 'rating is left out, "9": favorites has no scores' },
    ])
  })

  test('a quote that is not closed swallows no row', async () => {
    const { report, ratings } = await send('L46b-swallowed-row.csv')
    expect(report).toMatchObject({ rows: 3, created: 2, failed: 1, errors: [{ row: 2 }] })
    expect(ratings.map(([id]) => id).toSorted()).toEqual([titanic, fightClub].toSorted())
    const ann = await collector(service)
    const closed =
      'Date,Name,Year,Letterboxd URI,Rating,Review\n2024-01-02,The Matrix,1999,u,4,"open\n2024-01-02,Fight Club,1999,u,3,end"\n'
    expect(await ann.upload(closed)).toMatchObject({ rows: 2, created: 1, failed: 1, errors: [{ row: 2 }] })
  })

  test('quotes that are not doubled cost a line only where they make it ambiguous', async () => {
    const { report } = await send('L46-unescaped-quotes.csv')
    expect(report).toMatchObject({ rows: 5, created: 4, failed: 1 })
    expect(report.errors).toEqual([{ row: 2, message: expect.stringMatching(/^the quotes are broken/) }])
    const several = await send('L92-quote-then-newline.csv')
    expect(several.report).toMatchObject({ rows: 5, created: 4, failed: 1, errors: [{ row: 5 }] })
    const wrapped = await send('works-today/L91-wrapped-not-escaped.csv')
    expect(wrapped.ratings).toEqual(
      [
        [25108, 10],
        [matrix, 8],
      ].toSorted(([a = 0], [b = 0]) => b - a),
    )
  })

  test('a row with fewer or more cells than the header is reported', async () => {
    const message = (cells: number, header: number) => `the row has ${cells} cells and the header ${header}`
    expect((await send('L61-short-row.csv')).report).toMatchObject({
      created: 0,
      errors: [{ row: 2, message: message(4, 5) }],
    })
    expect((await send('L19-imdb-more-cells.csv')).report).toMatchObject({
      errors: [{ row: 2, message: message(15, 14) }],
    })
    expect((await send('works-today/L63-own-truncated.csv')).report).toMatchObject({
      created: 4,
      errors: [{ row: 6, message: message(5, 10) }],
    })
    expect((await send('works-today/L31-trailing-empty.csv')).report).toMatchObject({ rows: 2, created: 2, failed: 0 })
  })
})

describe('Damaged text', () => {
  test.each(['????????', '?????? 2', 'Ð\u009cÐ°Ñ‚Ñ€Ð¸Ñ†Ð°', 'РњР°С‚СЂРёС†Р°', 'AmÃ©lie', 'Ìàòðèöà', 'Матри\ufffdа'])(
    'the title %s is refused, and beside an id only not compared',
    async (title) => {
      const ann = await collector(service)
      const report = await ann.upload(`title,year,rating,imdb_id\n${title},1999,9,\n${title},1999,9,tt0133093\n`)
      expect(report).toMatchObject({ created: 1, failed: 1, warnings_total: 1 })
      for (const { message } of [...report.errors, ...report.warnings]) {
        expect(message).toMatch(/^the text in title is damaged \(".*"\): save the file as "CSV UTF-8"/)
      }
    },
  )
})

describe('Time, not order', () => {
  test('the newest row of a film counts, wherever it is in the file', async () => {
    for (const file of ['L33-diary-newest-first.csv', 'works-today/L33b-diary-oldest-first.csv']) {
      const { ratings, times } = await send(file)
      expect([ratings, times]).toEqual([[[matrix, 10]], ['2024-05-04T00:00:00.000Z']])
    }
  })

  test('an older file never moves a newer score back, and a dry run says so', async () => {
    const { ann } = await send('L33-diary-newest-first.csv')
    const older = fileOf('L33c-older-diary-after-newer.csv')
    const before = await ann.request({ method: 'GET', url: '/ratings' })
    for (const query of ['?dry_run=true', '']) {
      expect(await ann.upload(older, { query })).toMatchObject({
        updated: 0,
        skipped: 1,
        skipped_because: { older: 1 },
      })
    }
    expect((await ann.request({ method: 'GET', url: '/ratings' })).json()).toEqual(before.json())
  })
})

describe('Encodings, dialects and numbers', () => {
  test.each([
    ['L26-sep-line.csv', nine],
    ['L27-excel-unicode-text.txt', nine],
    ['L28-excel-ru-cp1251.csv', nine],
    ['L30-leading-blank.csv', nine],
    ['L30b-leading-empty-row.csv', nine],
    [
      'L44-cr-only.csv',
      [
        [fightClub, 8],
        [matrix, 9],
      ],
    ],
    [
      'L29-invisible.csv',
      [
        [titanic, 8],
        [gladiator, 8],
        [fightClub, 8],
        [matrix, 9],
      ],
    ],
    [
      'L37-imdb-id-forms.csv',
      [
        [titanic, 8],
        [gladiator, 8],
        [fightClub, 9],
        [matrix, 9],
      ],
    ],
    ['L94-imdb-pandas.csv', nine],
    [
      'L64-own-excel-dates.csv',
      [
        [gladiator, 6],
        [fightClub, 6],
        [matrix, 8],
      ],
    ],
    [
      'L65-own-pandas-floats.csv',
      [
        [gladiator, 6],
        [fightClub, 6],
        [matrix, 8],
      ],
    ],
    [
      'works-today/E1-lists-export.csv',
      [
        [gladiator, 6],
        [fightClub, 6],
        [matrix, 8],
      ],
    ],
    ['works-today/L32-header-case-dup.csv', nine],
    ['works-today/L60-double-bom.csv', [[matrix, 8]]],
    ['works-today/L62-header-only.csv', []],
  ])('%s is read whole', async (file, expected) => {
    const { report, ratings } = await send(file)
    expect(report).toMatchObject({ failed: 0, warnings: [] })
    expect(ratings).toEqual(expected)
  })

  test('times of our own form are those of the file', async () => {
    const { times } = await send('L64-own-excel-dates.csv')
    expect(times).toEqual(['2024-01-03T00:00:00.000Z', '2024-01-03T00:00:00.000Z', '2024-01-02T00:00:00.000Z'])
  })

  test('windows-1251 is recognised in a file of IMDb too', async () => {
    const { report } = await send('L95-imdb-cp1251.csv')
    expect(report.errors[0]?.message).toBe('No film known here is "Брат" (1997), tt9999999')
  })

  test('other encodings are read where the caller names them', async () => {
    const ann = await collector(service)
    const bytes = Buffer.from('title,year,rating\n\xed\xc1\xd4\xd2\xc9\xc3\xc1,1999,9\n', 'latin1')
    expect(await refusalOf(bytes, 'a.csv')).toMatch(/not UTF-8 \(line 2, .*\): .* charset/)
    expect(await ann.upload(bytes, { query: '?charset=koi8-r' })).toMatchObject({ created: 1 })
    expect(await ann.ratings()).toEqual(nine)
    expectProblem(await ann.send(bytes, { query: '?charset=ebcdic' }), 400, 'invalid_input')
  })

  test('spellings of one title that keyboards and pages make are one title', async () => {
    const { report, ratings } = await send('L40-titles.csv')
    expect(ratings.map(([id]) => id).toSorted()).toEqual(
      [32898, 592260, 1201206, 279756, 25108, 111543, 435, inception].toSorted(),
    )
    expect(report.errors.map(({ row }) => row)).toEqual([2, 4, 5, 7, 13, 15, 16, 17])
  })
})

describe('Words', () => {
  test('a fault names the column, what is allowed and what was there', async () => {
    const { report } = await send('L82-messages.csv')
    expect(report.errors.map(({ row, column, message }) => [row, column, message])).toEqual([
      [2, 'Rating', 'Rating must be in half stars from 0.5 to 5, not "8"'],
      [3, 'Rating', 'Rating must be in half stars from 0.5 to 5, not "4.25"'],
      [4, 'Rating', 'Rating must be in half stars from 0.5 to 5, not "-1"'],
      [5, 'Year', 'Year must be a year of four digits, not "97"'],
    ])
    expect(report).toMatchObject({ created: 1 })
    expect((await send('works-today/L22-rating-0.csv')).report).toMatchObject({ created: 1, skipped: 1, failed: 1 })
  })

  test('values are read where they have one meaning', async () => {
    const { report, ratings } = await send('L50-values.csv')
    expect(report.errors.map(({ row, message }) => [row, message])).toEqual([
      [2, 'the row names no film: it has no title and no id'],
      [3, 'No film known here is "The Matrix" (no year); without a year or an id a title says too little'],
      [5, 'Rating must be in half stars from 0.5 to 5, not "3.25"'],
      [8, 'Rating must be in half stars from 0.5 to 5, not "03.май"'],
      [9, 'Rating must be in half stars from 0.5 to 5, not "10"'],
    ])
    expect(ratings).toEqual([
      [titanic, 9],
      [gladiator, 9],
      [matrix, 8],
    ])
  })

  test('a file that cannot be read says why, and one that is no text what it is', async () => {
    expect(await refusalOf(fileOf('L81-one-latin1-byte.csv'), 'ratings.csv')).toMatch(
      /^The file is not UTF-8 \(line 3, behind "2024-01-02,Am"\)/,
    )
    expect(await refusalOf('a,b\n1,2\n', 'a.csv')).toMatch(
      /^The first row, "a", "b", is of no known form\. Known are our own/,
    )
    const xlsx = zipOf([
      { name: '[Content_Types].xml', content: '' },
      { name: 'xl/workbook.xml', content: '' },
    ])
    expect(await refusalOf(xlsx, 'a.xlsx', 415)).toMatch(
      /^The file is an \.xlsx workbook of Excel: .*save it as "CSV UTF-8"/,
    )
    expect(await refusalOf(Buffer.from('d0cf11e0a1b11ae1', 'hex'), 'a.xls', 415)).toMatch(
      /\.xls workbook of an old Excel/,
    )
    for (const photo of [
      'cmyk-noicc.jpg',
      'invalid-sos.jpg',
      'newline-head.jpg',
      'no-eoi-samsung-trailer.jpg',
      'no-eoi.jpg',
    ]) {
      expect(await refusalOf(fileOf(`photos/${photo}`), photo, 415)).toMatch(/^The file is a JPEG picture, not a table/)
    }
    expect(await refusalOf(fileOf('photos/x.heic'), 'x.heic', 415)).toMatch(/HEIC/)
    expect(await refusalOf(Buffer.from('%PDF-1.7'), 'a.csv', 415)).toMatch(/a PDF document/)
  })
})
