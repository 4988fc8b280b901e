import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { chain, chainBoth } from '../src/cache/maybe-promise.ts'

const unhandled: unknown[] = []
const note = (error: unknown) => unhandled.push(error)

describe('Values that may be in memory', () => {
  beforeEach(() => void process.on('unhandledRejection', note))
  afterEach(() => void process.off('unhandledRejection', note))

  test('are used without a promise if they are there', () => {
    expect(chain(1, (one) => one + 1)).toBe(2)
    expect(chainBoth(1, 2, (one, two) => one + two)).toBe(3)
  })

  test('are waited for if one of them is on the way', async () => {
    expect(await chainBoth(Promise.resolve(1), 2, (one, two) => one + two)).toBe(3)
    expect(await chainBoth(1, Promise.resolve(2), (one, two) => one + two)).toBe(3)
  })

  test('that fail at once, as all queries of a dead connection do, fail once, and end no process', async () => {
    const fails = (name: string) => new Promise<number>((_, reject) => setImmediate(reject, new Error(name)))
    await expect(chainBoth(fails('first'), fails('second'), () => 0)).rejects.toThrow('first')
    await new Promise(setImmediate)
    expect(unhandled).toEqual([])
  })
})
