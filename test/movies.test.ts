import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, type TestApp, testApp, testUser } from './support/app.ts'

let service: TestApp
let asAnn: ReturnType<typeof as>

beforeAll(async () => {
  service = await testApp()
  asAnn = as(service.app, await testUser(service.app, 'ann'))
})
afterAll(() => service.close())

describe('GET /movies/{id}', () => {
  test('a film not yet known is fetched once, then served from what is kept', async () => {
    const first = await asAnn({ method: 'GET', url: '/movies/301' })
    expect(first.statusCode).toBe(200)
    expect(first.json()).toMatchObject({ id: 301, kinopoisk_id: 301, title: 'Матрица', genre: { name: 'фантастика' } })
    expect(first.headers['cache-status']).toBe('kinoteka; fwd=miss; stored; detail="sandbox"')
    const second = await asAnn({ method: 'GET', url: '/movies/301/' })
    expect(second.json()).toEqual(first.json())
    expect(second.headers['cache-status']).toMatch(/^kinoteka; hit; ttl=\d+/)
    expect(service.calls.filter((call) => call.path.endsWith('/films/301'))).toHaveLength(1)
  })
})
