import { expect, test, vi } from 'vitest'
import { as, testApp, testUser } from '../support/app.ts'
import { expectProblem } from '../support/movies.ts'
import { patient } from '../support/patience.ts'

test('an upstream that takes 7 s: one call, and the second ask is a hit', async () => {
  const service = await testApp({ KINOPOISK_TIMEOUT: '5s' })
  const request = as(service.app, await testUser(service.app))
  const get = () => request({ method: 'GET', url: '/movies/301' })
  service.sandbox.fail('slow')
  const first = await get()
  expectProblem(first, 504, 'upstream_timeout')
  expect(first.headers['retry-after']).toBe('5')
  const stored = () => service.app.database.sql`select from kinopoisk_answers`
  await vi.waitFor(async () => expect(await stored()).toHaveLength(1), patient)
  const second = await get()
  expect(second.json()).toMatchObject({ id: 301, title: 'Матрица' })
  expect(second.headers['cache-status']).toMatch(/^kinoteka; hit; ttl=[1-9]/)
  expect(service.calls).toHaveLength(1)
  await service.close()
})
