import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, type TestApp, testApp } from '../support/app.ts'
import { adminUser } from '../support/operations.ts'

const mebibyte = 1024 * 1024

describe('What is too much', () => {
  let service: TestApp
  let asAdmin: ReturnType<typeof as>
  beforeAll(async () => {
    service = await testApp()
    asAdmin = as(service.app, await adminUser(service.app))
  })
  afterAll(() => service.close())

  const headers = { 'content-type': 'application/json' }
  const post = (url: string, payload: string) => asAdmin({ method: 'POST', url, headers, payload })
  const film = (genres: string) =>
    `{"name":"Film","director_id":1,"rate":1,"year":2000,"minutes":90,"genres":${genres}}`
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  const array = (items: number) => `[${Array(items).fill('1').join()}]`

  test('asked again and again leaves nothing in memory', { timeout: 120_000 }, async () => {
    const attack = async (rounds: number) => {
      for (let i = 0; i < rounds; i++) {
        await post('/films', nested(10_000))
        await post('/films', film(array(100_000)))
        await post('/films', array(1_000_000))
        await asAdmin({ url: `/films?q=${'a'.repeat(10_240)}` })
      }
    }
    await attack(5)
    const before = memoryKept()
    await attack(15)
    expect((memoryKept() - before) / mebibyte).toBeLessThan(50)
  })
})

/** What is in use once the garbage is gone. */
function memoryKept(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
