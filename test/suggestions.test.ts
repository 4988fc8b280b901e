import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, type TestApp, testApp, testUser } from './support/app.ts'
import { expectProblem } from './support/problems.ts'

let service: TestApp
let user: ReturnType<typeof as>

beforeAll(async () => {
  service = await testApp({ PUBLIC_CATALOGUE: 'true', DEMO_CATALOGUE: 'false' })
  user = as(service.app, await testUser(service.app))
  const { sql } = service.app.database
  await sql`insert into directors (name) values ('Д')`
  const films = [
    ['Матрица', 'The Matrix', 8.5, 900_000, true],
    ['Матрица: Перезагрузка', 'The Matrix Reloaded', 7.7, 400_000, true],
    ['Мать и сын', null, 9.9, null, true],
    ['Ёлки', 'Yolki', 6, 5000, true],
    ['Мастер и Маргарита', null, null, 50_000, false],
    ['Люди в чёрном', 'Men in Black', 8, 300_000, true],
  ] as const
  for (const [name, original, rate, votes, listed] of films) {
    const kinopoisk = votes === null ? null : JSON.stringify({ rating_kinopoisk_votes: votes })
    await sql`insert into films (name, original_name, rate, kinopoisk, listed, director_id, year)
      values (${name}, ${original}, ${rate}, ${kinopoisk}, ${listed}, (select id from directors), 2000)`
  }
})
afterAll(() => service.close())

async function suggest(q: string, inject = user) {
  const response = await inject({ method: 'GET', url: '/suggest', query: { q } })
  return (response.json().items as { title: string }[]).map(({ title }) => title)
}

describe('GET /suggest', () => {
  test.each([
    ['ма', ['Матрица', 'Матрица: Перезагрузка', 'Мастер и Маргарита', 'Мать и сын']],
    ['МАТР', ['Матрица', 'Матрица: Перезагрузка']],
    ['матрица', ['Матрица', 'Матрица: Перезагрузка']],
    ['матрицаа', []],
    ['matri', ['Матрица', 'Матрица: Перезагрузка']],
    ['перез мат', ['Матрица: Перезагрузка']],
    ['елк', ['Ёлки']],
    ['ёл', ['Ёлки']],
    ['vfnh', ['Матрица', 'Матрица: Перезагрузка']],
    ['ьут ш', ['Люди в чёрном']],
    ['люди в', ['Люди в чёрном']],
    ['ма в', []],
    ['ма с', ['Мать и сын']],
    ['the matrix rel', ['Матрица: Перезагрузка']],
    ['in matrix', []],
    ['the', ['Матрица', 'Матрица: Перезагрузка']],
    ['in b', ['Люди в чёрном']],
    ['трица', []],
    ['мтарица', []],
    ['м', []],
    ['%', []],
    ['"}{\\', []],
  ])('%s', async (q, titles) => {
    expect(await suggest(q)).toEqual(titles)
  })

  test('shows only the catalogue without a token, and asks Kinopoisk of nothing', async () => {
    const before = service.calls.length
    const open = (options: object) => service.app.inject(options)
    expect(await suggest('мас', open as typeof user)).toEqual([])
    expect(await suggest('мас')).toEqual(['Мастер и Маргарита'])
    expect(service.calls.length).toBe(before)
  })

  test('finds a film by any word, however long another one is', async () => {
    const { sql } = service.app.database
    const long = 'ы'.repeat(5000)
    await sql`insert into films (name, original_name) values ('Долгая', ${`${long} конец`})`
    await expect.poll(() => suggest('конец')).toEqual(['Долгая'])
    expect(await suggest('ы'.repeat(100))).toEqual(['Долгая'])
    expect(await suggest(`${'ы'.repeat(90)} дол`)).toEqual(['Долгая'])
  })

  test('finds nothing by names without a letter', async () => {
    const { sql } = service.app.database
    await sql`insert into films (name) values ('!!!')`
    expect(await suggest('!!!')).toEqual([])
  })

  test('follows what changes', async () => {
    const { sql } = service.app.database
    await sql`update films set name = 'Новое имя' where name = 'Мать и сын'`
    await expect.poll(() => suggest('нов')).toEqual(['Новое имя'])
    expect(await suggest('сын')).toEqual([])
  })

  test('needs something to look for, and no more than 100 characters', async () => {
    expectProblem(await user({ method: 'GET', url: '/suggest' }), 400, 'invalid_input')
    expectProblem(await user({ method: 'GET', url: '/suggest', query: { q: ' ' } }), 400, 'invalid_input')
    expectProblem(await user({ method: 'GET', url: '/suggest', query: { q: 'м'.repeat(101) } }), 400, 'invalid_input')
  })
})
