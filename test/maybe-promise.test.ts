import { describe, expect, test } from 'vitest'
import { chain } from '../src/cache/maybe-promise.ts'

describe('Values that may be in memory', () => {
  test('are used without a promise if they are there', () => {
    expect(chain(1, (one) => one + 1)).toBe(2)
  })

  test('are waited for if they are on the way, and what fails fails once', async () => {
    expect(await chain(Promise.resolve(1), (one) => one + 1)).toBe(2)
    await expect(chain(Promise.reject(new Error('gone')), (one) => one)).rejects.toThrow('gone')
  })
})
