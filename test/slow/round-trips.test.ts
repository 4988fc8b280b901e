import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bigWorld, type Host, roundTripCatalogue, roundTripLists, worlds } from '../../tools/round-trips.ts'
import { firstAdmin, type TestApp, testAdmin, testApp, testUser } from '../support/app.ts'

// The same worlds every time; `node bench/round-trips.ts` has more of them.
const seed = 20_261_129
const numRuns = 6

let service: TestApp
let host: Host

beforeAll(async () => {
  // Without a quota nothing is fetched in the background: only what is asked here writes.
  service = await testApp({ KINOPOISK_DAILY_QUOTA: '0', LOG_LEVEL: 'warn' }, { firstAdmin })
  const { app } = service
  host = {
    base: await app.listen({ port: 0, host: '127.0.0.1' }),
    sql: app.database.sql,
    admin: (await testAdmin(service)).headers,
    owner: await testUser(app),
    heir: await testUser(app),
  }
})
afterAll(() => service.close())

test('any lists come back byte for byte out of their file, and the same file changes nothing', async () => {
  const property = fc.asyncProperty(worlds(25), async (world) => void (await roundTripLists(host, world)))
  await fc.assert(property, { seed, numRuns })
  expect(await roundTripLists(host, bigWorld(1200, seed))).toBe(1200)
})

test('any catalogue comes back byte for byte out of its file, and the same file changes nothing', async () => {
  const property = fc.asyncProperty(worlds(25), async (world) => void (await roundTripCatalogue(host, world)))
  await fc.assert(property, { seed, numRuns })
  expect(await roundTripCatalogue(host, bigWorld(1200, seed))).toBe(1200)
})
