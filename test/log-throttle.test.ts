import { describe, expect, test } from 'vitest'
import { createLogThrottle } from '../src/log-throttle.ts'
import { testApp } from './support/app.ts'
import { cloneDatabase } from './support/databases.ts'
import { outageOf } from './support/outage.ts'

describe('A log throttle', () => {
  test('lets one line of a kind pass in each interval, and says how many it left out', () => {
    let now = 0
    const throttle = createLogThrottle(1000, () => now)
    expect([throttle('a'), throttle('a'), throttle('a'), throttle('b')]).toEqual([0, undefined, undefined, 0])
    now = 999
    expect(throttle('a')).toBeUndefined()
    now = 1000
    expect([throttle('a'), throttle('b'), throttle('a')]).toEqual([3, 0, undefined])
  })
})

describe('The log of an outage', () => {
  test('has a few lines a second, without a stack, however many requests are refused', { tags: 'slow' }, async () => {
    const way = await outageOf(await cloneDatabase())
    const { app, log, close } = await testApp({}, { databaseUrl: way.url })
    await way.cut()
    const before = log().length
    const began = performance.now()
    const count = 600
    for (let i = 0; i < count / 100; i++) {
      const answers = await Promise.all(
        Array.from({ length: 100 }, () =>
          app.inject({ method: 'POST', url: '/login', payload: { login: 'ann', password: 'x' } }),
        ),
      )
      expect(new Set(answers.map((answer) => answer.statusCode))).toEqual(new Set([503]))
    }
    const seconds = (performance.now() - began) / 1000
    const lines = log().slice(before).trim().split('\n')
    expect(lines.filter((line) => line.includes('"stack"'))).toEqual([])
    // The warning and the request's own line, of few codes, and what the pool says.
    expect(lines.length).toBeLessThan(10 * (seconds + 2))
    const repeated = lines.map((line) => JSON.parse(line) as { msg: string; repeated?: number; code?: string })
    const counted = repeated.filter(({ msg }) => msg === 'request refused')
    expect(counted.length).toBeGreaterThan(0)
    expect(counted[0]).toMatchObject({ level: 40, code: 'database_unavailable', reason: expect.any(String) })
    await way.close()
    await close()
  })
})
