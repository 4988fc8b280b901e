import { afterEach, expect, test } from 'vitest'
import { besiege, heapFlag, seedLists } from '../../bench/abuse/unread.ts'
import { testApp, testUser } from '../support/app.ts'
import { cleanUp, freePort, freshFolder, runNode, until } from '../support/process.ts'

afterEach(cleanUp)

test('20 unread answers and 6 readers of 20,000 ratings neither end the process nor fill its memory', async () => {
  // Of it only the database, and the users of it.
  const jwtSecret = 'x'.repeat(32)
  const service = await testApp({}, { jwtSecrets: [jwtSecret] })
  const [hostile, other] = [await testUser(service.app), await testUser(service.app)]
  await seedLists(service.databaseUrl, hostile.id)
  const port = await freePort()
  const base = `http://127.0.0.1:${port}`
  const { child } = runNode([heapFlag, '--import', './src/instrument.ts', 'src/server.ts'], {
    env: {
      DATABASE_URL: service.databaseUrl,
      DATA_DIR: await freshFolder(),
      PORT: String(port),
      JWT_SECRET: jwtSecret,
      LOG_LEVEL: 'error',
    },
  })
  const isReady = async () => (await fetch(`${base}/readyz`)).ok
  await until(() => isReady().catch(() => false))
  const [mine, others] = [hostile, other].map(({ tokens }) => tokens.access_token) as [string, string]
  const attack = { base, pid: child.pid ?? 0, hostile: mine, other: others }
  // The first round fills the memory cache.
  await besiege(attack)
  const figures = await besiege(attack)
  expect(figures).toMatchObject({ unread: 20, broken: 0, requests: 500 })
  expect(figures.whole).toBeGreaterThanOrEqual(6)
  expect(figures.rssPeak - figures.rssBefore).toBeLessThan(150)
  expect(child.exitCode).toBeNull()
  await service.close()
})
