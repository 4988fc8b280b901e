import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, type TestApp, testApp } from '../support/app.ts'
import { array, filmWith, nested, usedMemory } from '../support/excess.ts'
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

  test('asked again and again leaves nothing in memory', { timeout: 120_000 }, async () => {
    const attack = async (rounds: number) => {
      for (let i = 0; i < rounds; i++) {
        await post('/films', nested(10_000))
        await post('/films', filmWith(array(100_000)))
        await post('/films', array(1_000_000))
        await asAdmin({ url: `/films?q=${'a'.repeat(10_240)}` })
      }
    }
    await attack(5)
    const before = usedMemory()
    await attack(15)
    expect((usedMemory() - before) / mebibyte).toBeLessThan(50)
  })
})
