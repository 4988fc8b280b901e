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

const create = (payload: object) => asAdmin({ method: 'POST', url: '/directors', payload })
const change = (id: number, payload: object) => asAdmin({ method: 'PATCH', url: `/directors/${id}`, payload })
const told = (answer: { statusCode: number; json(): { code?: string } }) => [answer.statusCode, answer.json().code]
const born = (date_of_birth: unknown) => ({ name: 'Somebody', date_of_birth })

describe('reading directors', () => {
  test('they come as a bare array by id, all of them, or 12 a page; past the end there is nothing', async () => {
    for (let i = 0; i < 13; i++) await create({ name: `Director ${i}` })
    const all = (await asAnn({ method: 'GET', url: '/directors' })).json()
    expect(all.length).toBeGreaterThanOrEqual(13)
    expect(all).toEqual(all.toSorted((a: { id: number }, b: { id: number }) => a.id - b.id))
    expect((await asAnn({ method: 'GET', url: '/directors?page=1' })).json()).toEqual(all.slice(0, 12))
    expect((await asAnn({ method: 'GET', url: '/directors?page=2' })).json()).toEqual(all.slice(12, 24))
    expect((await asAnn({ method: 'GET', url: '/directors?page=999' })).json()).toEqual([])
  })

  test('all of a name come by id, more than a batch of them too', async () => {
    const { sql } = service.app.database
    await sql`insert into directors (name) select case when n % 2 = 0 then 'Brother ' else 'Sister ' end || n from generate_series(1, 500) n`
    const named = (await asAnn({ method: 'GET', url: '/directors?q=brother' })).json()
    expect(named.map(({ name }: { name: string }) => name)).toEqual(
      Array.from({ length: 250 }, (_, i) => `Brother ${2 * i + 2}`),
    )
    expect((await asAnn({ method: 'GET', url: '/directors?q=brother&page=21' })).json()).toEqual(named.slice(240, 252))
  })

  test('one is read by its id; an unknown one is 404', async () => {
    const director = (await create({ name: 'Клинт Иствуд', date_of_birth: '1930-05-31' })).json()
    expect(director).toEqual({
      id: expect.any(Number),
      name: 'Клинт Иствуд',
      date_of_birth: '1930-05-31',
      photo_url: null,
    })
    expect((await asAnn({ method: 'GET', url: `/directors/${director.id}` })).json()).toEqual(director)
    expect(told(await asAnn({ method: 'GET', url: '/directors/2147483647' }))).toEqual([404, 'director_not_found'])
  })
})

describe('writing directors', () => {
  test('a new one answers 201 with its address; two may have one name', async () => {
    const answers = [await create({ name: ' Стив \t Маккуин ' }), await create({ name: 'Стив Маккуин' })]
    for (const answer of answers) {
      expect(answer.statusCode).toBe(201)
      expect(answer.json()).toMatchObject({ name: 'Стив Маккуин', date_of_birth: null, photo_url: null })
      expect(answer.headers.location).toBe(`/directors/${answer.json().id}`)
    }
  })

  test.each(['1896-02-29', ' 1930-05-31 ', '1800-01-01'])('the date of birth %j is taken', async (date) => {
    expect((await create(born(date))).json()).toMatchObject({ date_of_birth: date.trim() })
  })

  test.each([null, '', '  '])('the date of birth %j is none', async (date) => {
    expect((await create(born(date))).json()).toMatchObject({ date_of_birth: null })
  })

  const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)
  test.each([
    '1900-02-29',
    '1930-13-01',
    '1930-00-10',
    '1930-04-31',
    '1799-12-31',
    '0000-01-01',
    tomorrow,
    '9999-12-31',
    '31.05.1930',
    '1930-5-31',
    '1930-05-31T00:00:00Z',
    'a day',
    19300531,
    true,
  ])('the date of birth %j is refused', async (date) => {
    const { id } = (await create({ name: 'Somebody' })).json()
    for (const answer of [await create(born(date)), await change(id, { date_of_birth: date })]) {
      expect(told(answer)).toEqual([400, 'invalid_input'])
      expect(answer.json().errors[0].path).toBe('body.date_of_birth')
    }
  })

  test.each([{}, { name: '' }, { name: ' ' }, { name: 'x'.repeat(201) }, { name: 5 }, { name: 'a\0' }])(
    'the body %j is refused',
    async (body) => {
      expect(told(await create(body))).toEqual([400, 'invalid_input'])
    },
  )

  test('a change touches what it names, and nothing of what is not its business', async () => {
    const { id } = (await create({ name: 'Old', date_of_birth: '1930-05-31' })).json()
    expect((await change(id, { name: ' New  Name ', id: 1, photo_url: '/x', photo_key: 'y' })).json()).toEqual({
      id,
      name: 'New Name',
      date_of_birth: '1930-05-31',
      photo_url: null,
    })
    expect((await change(id, {})).json()).toMatchObject({ name: 'New Name', date_of_birth: '1930-05-31' })
    expect((await change(id, { date_of_birth: null })).json()).toMatchObject({ name: 'New Name', date_of_birth: null })
    for (const body of [{}, { name: 'x' }]) {
      expect(told(await change(2_147_483_647, body))).toEqual([404, 'director_not_found'])
    }
  })

  test('one who has a film stays; another goes, once', async () => {
    const { id: busy } = (await create({ name: 'Busy' })).json()
    await service.app.database.sql`insert into films (name, director_id) values ('Film', ${busy})`
    expect(told(await asAdmin({ method: 'DELETE', url: `/directors/${busy}` }))).toEqual([409, 'director_in_use'])
    const { id } = (await create({ name: 'Free' })).json()
    expect(await asAdmin({ method: 'DELETE', url: `/directors/${id}` })).toMatchObject({ statusCode: 204, body: '' })
    expect(told(await asAdmin({ method: 'DELETE', url: `/directors/${id}` }))).toEqual([404, 'director_not_found'])
  })
})

test('everyone who is logged in reads, administrators alone write', async () => {
  const { id } = (await create({ name: 'Guarded' })).json()
  const writes = [
    { method: 'POST', url: '/directors', payload: { name: 'x' } },
    { method: 'PATCH', url: `/directors/${id}`, payload: { name: 'x' } },
    { method: 'DELETE', url: `/directors/${id}` },
    { method: 'PUT', url: `/directors/${id}/photo` },
    { method: 'DELETE', url: `/directors/${id}/photo` },
  ] as const
  for (const write of writes) {
    expect(told(await asAnn(write))).toEqual([403, 'forbidden'])
    expect(told(await service.app.inject(write))).toEqual([401, 'missing_token'])
  }
  for (const url of ['/directors', `/directors/${id}`, `/directors/${id}/photo`]) {
    expect((await asAnn({ method: 'GET', url })).statusCode).toBe(url.endsWith('photo') ? 404 : 200)
    expect(told(await service.app.inject({ method: 'GET', url }))).toEqual([401, 'missing_token'])
  }
})
