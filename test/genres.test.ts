import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, firstAdmin, type TestApp, testAdmin, testApp, testUser } from './support/app.ts'

let service: TestApp
let asAdmin: ReturnType<typeof as>
let asAnn: ReturnType<typeof as>

beforeAll(async () => {
  service = await testApp({}, { firstAdmin })
  asAdmin = as(service.app, await testAdmin(service))
  asAnn = as(service.app, await testUser(service.app))
})
afterAll(() => service.close())

const create = (name: unknown) => asAdmin({ method: 'POST', url: '/genres', payload: { name } as object })
const rename = (id: number, name: string) => asAdmin({ method: 'PATCH', url: `/genres/${id}`, payload: { name } })
const told = (answer: { statusCode: number; json(): { code?: string } }) => [answer.statusCode, answer.json().code]

async function film(genreId: number): Promise<void> {
  const { sql } = service.app.database
  const [row] = await sql`insert into films (name) values ('Film') returning id`
  await sql`insert into film_genres (film_id, genre_id, position) values (${row?.id}, ${genreId}, 0)`
}

describe('reading genres', () => {
  test('they come as a bare array by id, all of them, or 12 a page; past the end there is nothing', async () => {
    for (let i = 0; i < 14; i++) expect((await create(`жанр ${i}`)).statusCode).toBe(201)
    const all = (await asAnn({ method: 'GET', url: '/genres' })).json()
    expect(all.length).toBeGreaterThanOrEqual(14)
    expect(all).toEqual(all.toSorted((a: { id: number }, b: { id: number }) => a.id - b.id))
    expect(Object.keys(all[0])).toEqual(['id', 'name'])
    const page = async (number: number) => (await asAnn({ method: 'GET', url: `/genres?page=${number}` })).json()
    expect(await page(1)).toEqual(all.slice(0, 12))
    expect(await page(2)).toEqual(all.slice(12, 24))
    expect(await page(1000)).toEqual([])
  })

  test.each(['0', '-1', 'two', '1.5', ''])('page %j is refused', async (page) => {
    expect(told(await asAnn({ method: 'GET', url: `/genres?page=${page}` }))).toEqual([400, 'invalid_input'])
  })

  test('one is read by its id; an unknown one is 404, what is no id is 400', async () => {
    const genre = (await create('нуар')).json()
    expect((await asAnn({ method: 'GET', url: `/genres/${genre.id}/` })).json()).toEqual({ id: genre.id, name: 'нуар' })
    expect(told(await asAnn({ method: 'GET', url: '/genres/2147483647' }))).toEqual([404, 'genre_not_found'])
    expect(told(await asAnn({ method: 'GET', url: '/genres/2147483648' }))).toEqual([400, 'invalid_input'])
  })
})

describe('writing genres', () => {
  test('a new one answers 201 with its address, and its name is tidied', async () => {
    const answer = await create('  научная \t\n фантастика ')
    expect(answer.statusCode).toBe(201)
    expect(answer.json()).toEqual({ id: expect.any(Number), name: 'научная фантастика' })
    expect(answer.headers.location).toBe(`/genres/${answer.json().id}`)
  })

  test.each(['Тихая драма', ' ТИХАЯ   драма', 'тихая\u00a0ДРАМА', 'тихая драма'.normalize('NFD')])(
    'a second one of the same name in any case and spacing is 409: %j',
    async (name) => {
      await create('тихая драма')
      expect(told(await create(name))).toEqual([409, 'genre_taken'])
    },
  )

  test.each([undefined, null, 7, '', ' \t ', 'a\0b', 'x'.repeat(101)])('the name %j is refused', async (name) => {
    expect(told(await create(name))).toEqual([400, 'invalid_input'])
  })

  test('of many at once with one name exactly one is made', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => create(i % 2 ? 'гонка' : 'ГОНКА')))
    expect(answers.map((answer) => answer.statusCode).toSorted()).toEqual([201, ...Array(19).fill(409)])
  })

  test('renaming tidies, may change the case alone, and meets the same rules', async () => {
    const { id } = (await create('вестерн')).json()
    expect((await rename(id, ' Вестерн  старый ')).json()).toEqual({ id, name: 'Вестерн старый' })
    expect((await rename(id, 'вестерн старый')).json()).toEqual({ id, name: 'вестерн старый' })
    await create('занято')
    expect(told(await rename(id, 'ЗАНЯТО'))).toEqual([409, 'genre_taken'])
    expect(told(await rename(2_147_483_647, 'ничей'))).toEqual([404, 'genre_not_found'])
  })

  test('one that a film has stays; another goes, once', async () => {
    const { id: used } = (await create('нужный')).json()
    await film(used)
    expect(told(await asAdmin({ method: 'DELETE', url: `/genres/${used}` }))).toEqual([409, 'genre_in_use'])
    const { id } = (await create('лишний')).json()
    expect(await asAdmin({ method: 'DELETE', url: `/genres/${id}` })).toMatchObject({ statusCode: 204, body: '' })
    expect(told(await asAdmin({ method: 'DELETE', url: `/genres/${id}` }))).toEqual([404, 'genre_not_found'])
  })
})

test('everyone who is logged in reads, administrators alone write', async () => {
  const { id } = (await create('ролевой')).json()
  const writes = [
    { method: 'POST', url: '/genres', payload: { name: 'x' } },
    { method: 'PATCH', url: `/genres/${id}`, payload: { name: 'x' } },
    { method: 'DELETE', url: `/genres/${id}` },
  ] as const
  for (const write of writes) {
    expect(told(await asAnn(write))).toEqual([403, 'forbidden'])
    expect(told(await service.app.inject(write))).toEqual([401, 'missing_token'])
  }
  for (const url of ['/genres', `/genres/${id}`]) {
    expect((await asAnn({ method: 'GET', url })).statusCode).toBe(200)
    expect(told(await service.app.inject({ method: 'GET', url }))).toEqual([401, 'missing_token'])
  }
})
