import { expect, test } from 'vitest'
import type { Fault } from '../../src/embedded/sandbox/server.ts'
import { as, testApp, testUser } from '../support/app.ts'
import { usedMemory } from '../support/excess.ts'

test('answers that cannot be used leave nothing in memory, 50 MB of JSON no more than a reset', async () => {
  const service = await testApp({ KINOPOISK_TIMEOUT: '20s' })
  const request = as(service.app, await testUser(service.app))
  const get = (url: string) => request({ method: 'GET', url })
  const round = async (first: number) => {
    for (const [index, fault] of (['huge', 'wrong_shape', 'truncated', 'reset', 'huge'] as Fault[]).entries()) {
      // Twice: what is worth another try is tried once more. The answer between them keeps the circuit closed.
      service.sandbox.fail(fault, { path: /\/films\/9/ })
      expect((await get(`/movies/${9_000_000 + first + index}`)).statusCode).toBeGreaterThanOrEqual(502)
      expect((await get(`/movies/${8_000_000 + first + index}`)).statusCode).toBe(404)
    }
  }
  await round(0)
  const before = usedMemory()
  for (let index = 1; index <= 4; index += 1) await round(index * 10)
  // 8 of the calls were offered 50 MB.
  expect(usedMemory() - before).toBeLessThan(20 * 2 ** 20)
  await service.close()
})
