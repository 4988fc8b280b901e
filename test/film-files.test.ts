import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, firstAdmin, type TestApp, testAdmin, testApp } from './support/app.ts'
import { fileOf } from './support/files.ts'
import { form } from './support/lists.ts'
import { expectProblem } from './support/problems.ts'

/** Catalogues as people have them in files; test/files has them, named by what is odd about them. */

let service: TestApp
let admin: ReturnType<typeof as>

beforeAll(async () => {
  service = await testApp({}, { firstAdmin })
  admin = as(service.app, await testAdmin(service))
})
afterAll(() => service.close())

const send = (content: Buffer | string, query = '') =>
  admin({ method: 'POST', url: `/films/import${query}`, ...form(content, { name: 'films.csv' }) })

async function upload(content: Buffer | string, query = '') {
  const response = await send(content, query)
  expect([response.statusCode, response.body.slice(0, 300)]).toEqual([200, expect.anything()])
  const report = response.json()
  expect(report.rows).toBe(report.created + report.updated + report.skipped + report.failed)
  return report
}

const catalogue = async () => (await admin({ method: 'GET', url: '/films?limit=100' })).json().items
const empty = () => service.app.database.sql`delete from films`

describe('The import', () => {
  test.each([
    'F01-utf16le.txt',
    'F02-cp1251.csv',
    'F03-sep.csv',
    'F05-trailing-empty-columns.csv',
    'F08-cr-only.csv',
    'works-today/F07-leading-blank.csv',
  ])('reads %s', async (file) => {
    await empty()
    expect(await upload(fileOf(file))).toMatchObject({ rows: 1, created: 1, failed: 0 })
    expect(await catalogue()).toMatchObject([
      {
        name: 'Новый',
        original_name: 'New',
        genre: 'драма',
        director: { name: 'Иван' },
        rate: 7.9,
        year: 2020,
        minutes: 100,
      },
    ])
  })

  test.each(['F20-russian-header.csv', 'ukrainian'])('reads the columns of %s', async (file) => {
    await empty()
    const ukrainian = 'Назва;Жанри;Режисер;Рейтинг;Рік;Тривалість\nНовый;драма;Иван;7,9;2020;100\n'
    expect(await upload(file === 'ukrainian' ? ukrainian : fileOf(file))).toMatchObject({ created: 1 })
    expect(await catalogue()).toMatchObject([{ name: 'Новый', rate: 7.9, minutes: 100 }])
  })

  test('refuses an unknown column', async () => {
    expect(expectProblem(await send(fileOf('F06-extra-column.csv')), 400, 'invalid_csv').detail).toMatch(/"notes"/)
  })

  test('reads numbers as columns of floats have them, and names those of other shapes', async () => {
    await empty()
    const report = await upload(fileOf('F10-numbers.csv'))
    expect(report).toMatchObject({ created: 2, failed: 6 })
    expect(report.errors.map(({ row }: { row: number }) => row)).toEqual([4, 5, 6, 7, 8, 9])
    const ids = await upload(fileOf('works-today/F22-id-forms.csv'))
    expect(ids.errors).toEqual([
      { row: 3, message: 'id must be an integer from 1 to 2000000000, not "1E+09"' },
      { row: 4, message: 'id: the same as in row 2' },
    ])
    const times = 'name,genres,director,rate,year,minutes,created_at\nВремя,драма,Иван,7,2000,90,02.01.2018 10:00\n'
    await upload(times)
    expect((await catalogue()).at(-1)).toMatchObject({ created_at: '2018-01-02T10:00:00.000Z' })
  })

  test('makes no genre and no director of several names in one cell', { tags: 'slow' }, async () => {
    await empty()
    const { sql } = service.app.database
    const before =
      await sql`select (select count(*) from genres) as genres, (select count(*) from directors) as directors`
    const report = await upload(fileOf('F18-genres-by-comma.csv'))
    expect(report).toMatchObject({ created: 0, failed: 1 })
    expect(report.errors[0].message).toBe(
      'genres: "драма, криминал, триллер" is no genre here; several are joined by |, as in драма|комедия',
    )
    const header = 'name,genres,director,rate,year,minutes'
    for (const joint of ['; ', '/', ',']) {
      expect(await upload(`${header}\nX,драма${joint}криминал,Иван,7,2000,90\n`)).toMatchObject({
        created: 0,
        failed: 1,
      })
      const directors = await upload(`${header}\nX,драма,"Иван${joint}Пётр",7,2000,90\n`)
      expect(directors.errors[0].message).toMatch(/^director: .* a film has one/)
    }
    expect(
      await sql`select (select count(*) from genres) as genres, (select count(*) from directors) as directors`,
    ).toEqual(before)
    // In the columns of our own export too, where nothing beside it says that it is one name.
    const own = 'id,name,original_name,genre,genres,director_id,director,rate,year,minutes'
    expect(await upload(`${own}\n,X,,,"драма, комедия",,"Лана, Лилли",8,2000,100\n`)).toMatchObject({ failed: 1 })
    expect(await upload(`${own}\n,X,,"драма, комедия",,,Лана,8,2000,100\n`)).toMatchObject({ failed: 1 })
    expect(await upload(`${header}\nX,"триллер\nужасы",Иван,7,2000,90\n`)).toMatchObject({ failed: 1 })
    expect(
      await sql`select (select count(*) from genres) as genres, (select count(*) from directors) as directors`,
    ).toEqual(before)
    await sql`insert into genres (name) values ('мюзикл/музыка')`
    expect(await upload(`${header}\nX,мюзикл/музыка,Иван,7,2000,90\n`)).toMatchObject({ created: 1 })
    expect(await upload(`${own}\n,Y,,"a, b","a, b",7,"Лана, Лилли",8,2000,100\n`)).toMatchObject({ created: 1 })
  })

  test('of a file with the first genre alone keeps the others of a film', async () => {
    await empty()
    const header = 'name,genres,director,rate,year,minutes'
    await upload(`${header}\nПроба,драма|комедия|боевик,Иван,7,2000,90\n`)
    const row = (genre: string) => `${header.replace('genres', 'genre')}\nПроба,${genre},Иван,7,2000,90\n`
    expect(await upload(row('драма'))).toMatchObject({ updated: 0, skipped: 1 })
    expect(await upload(row('Боевик'))).toMatchObject({ updated: 1 })
    expect(await catalogue()).toMatchObject([{ genres: ['боевик', 'комедия'] }])
  })

  test.each(['F31-damaged-text.csv', 'F31-question-marks.csv'])(
    'writes nothing of the damaged text in %s',
    async (file) => {
      await empty()
      const { sql } = service.app.database
      const header = 'id,name,genres,director,rate,year,minutes'
      await upload(`${header}\n299,Матрица: Перезагрузка,фантастика,Лана,7.7,2003,138\n`)
      const counts = () =>
        sql`select (select count(*) from genres) as genres, (select count(*) from directors) as directors`
      const before = await counts()
      const report = await upload(fileOf(file))
      expect(report).toMatchObject({ created: 0, updated: 0, failed: report.rows })
      for (const { message } of report.errors)
        expect(message).toMatch(/name is damaged text \(".*"\): save the file as "CSV UTF-8"/)
      expect([await counts(), (await catalogue()).map(({ name }: { name: string }) => name)]).toEqual([
        before,
        ['Матрица: Перезагрузка'],
      ])
    },
  )

  test('ends at quotes that are not doubled, and says so', async () => {
    const report = await upload(fileOf('F21-unescaped-quotes.csv'))
    expect(report).toMatchObject({
      rows: 1,
      failed: 1,
      errors: [{ row: 2, message: expect.stringMatching(/quotes are broken/) }],
    })
  })

  test('of rows that a missing quote has put into one cell makes no film', async () => {
    await empty()
    const text =
      'name,genres,director,rate,year,minutes,description\nA,g,d,7,2000,90,"open\nB,g,d,7,2000,90,end"\nC,g,d,7,2000,90,x\n'
    expect(await upload(text)).toMatchObject({ rows: 2, created: 1, failed: 1, errors: [{ row: 2 }] })
  })

  test('names in a dry run the first cells that it would change, as they are and as they would be', async () => {
    await empty()
    const header = 'id,name,genres,director,rate,year,minutes,description'
    await upload(
      `${header}\n301,Матрица,фантастика,Лана,8.5,1999,136,x\n302,007,боевик,Иван,7,2000,90,\n303,Та же,боевик,Иван,7,2000,90,\n`,
    )
    const changed = `${header}\n301,Матрица,фантастика|боевик,Лилли,8.6,1999,136,\n302,7,боевик,Иван,7,2000,90,\n303,Та же,боевик,Иван,7,2000,90,\n`
    const dry = await upload(changed, '?dry_run=true')
    expect(dry).toMatchObject({ updated: 2, skipped: 1 })
    expect(dry.changes).toEqual([
      { row: 2, id: 301, column: 'director', old: 'Лана', new: 'Лилли' },
      { row: 2, id: 301, column: 'rate', old: '8.50', new: '8.60' },
      { row: 2, id: 301, column: 'description', old: 'x', new: null },
      { row: 2, id: 301, column: 'genres', old: 'фантастика', new: 'фантастика|боевик' },
      { row: 3, id: 302, column: 'name', old: '007', new: '7' },
    ])
    const many = Array.from({ length: 300 }, (_, i) => `${1000 + i},N${i},g,d,7,2000,90,`)
    await upload(`${header}\n${many.join('\n')}\n`)
    const all = await upload(`${header}\n${many.join('\n').replaceAll(',7,', ',8,')}\n`, '?dry_run=true')
    expect([all.updated, all.changes.length, all.changes[99].row]).toEqual([300, 100, 101])
  })

  test('reads odd names as they were exported, and does so again', async () => {
    await empty()
    const file = fileOf('works-today/F30-odd-names.csv')
    const { rows } = await upload(file)
    expect(await upload(file)).toMatchObject({ created: 0, updated: 0, skipped: rows, failed: 0 })
  })

  test('refuses files that are no tables, and says what they are', async () => {
    for (const [file, what] of [
      ['L01-letterboxd-export.zip', /an archive, or a workbook/],
      ['L14-trakt-ratings.json', /header/],
      ['photos/cmyk-noicc.jpg', /a JPEG picture/],
      ['photos/x.heic', /a HEIC or AVIF picture/],
    ] as const) {
      expect(expectProblem(await send(fileOf(file)), 400, 'invalid_csv').detail).toMatch(what)
    }
  })
})
