import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { createSpool } from '../src/http/spool.ts'

const block = 16 * 1024

/** A source of so many random blocks, and what it gave so far. */
function sourceOf(blocks: number) {
  const hash = createHash('sha256')
  const state = { given: 0, digest: () => hash.digest('hex') }
  const source = Readable.from(
    (async function* () {
      for (let i = 0; i < blocks; i++) {
        const bytes = randomBytes(block)
        hash.update(bytes)
        state.given++
        yield bytes
      }
    })(),
    { objectMode: false },
  )
  return { source, state }
}

/** Reads to the end, with a pause behind each so many bytes. */
async function digestOf(stream: Readable, pauseEvery = Number.POSITIVE_INFINITY): Promise<string> {
  const hash = createHash('sha256')
  let since = 0
  await pipeline(
    stream,
    new Writable({
      async write(bytes: Buffer, _encoding, done) {
        hash.update(bytes)
        since += bytes.length
        if (since > pauseEvery) await sleep(1)
        if (since > pauseEvery) since = 0
        done()
      },
    }),
  )
  return hash.digest('hex')
}

describe('A spool', () => {
  test('gives all of its source, to a fast reader and to one that comes and goes', async () => {
    const spool = createSpool({ maxBytes: 64 * 1024 ** 2 })
    for (const pauseEvery of [undefined, 1, 100_000, 700_000]) {
      const { source, state } = sourceOf(120)
      const digest = await digestOf(spool(source), pauseEvery)
      expect(digest).toBe(state.digest())
    }
  })

  test('takes a source to its end while nobody reads', async () => {
    const { source, state } = sourceOf(300)
    const reader = createSpool({ maxBytes: 64 * 1024 ** 2 })(source)
    reader.once('readable', () => {})
    await once(source, 'close')
    expect(state.given).toBe(300)
    expect(await digestOf(reader)).toBe(state.digest())
  })

  test('makes a source wait for its reader when its room is full, and gives the room back', {
    tags: 'slow',
  }, async () => {
    const spool = createSpool({ maxBytes: 40 * block })
    for (let round = 0; round < 3; round++) {
      const { source, state } = sourceOf(100)
      const reader = spool(source)
      reader.once('readable', () => {})
      await sleep(100)
      expect(state.given).toBeLessThan(40)
      if (round === 1) reader.destroy()
      else expect(await digestOf(reader)).toBe(state.digest())
    }
  })

  test('fails with its source, and ends it when its reader has gone', async () => {
    const spool = createSpool({ maxBytes: 64 * 1024 ** 2 })
    const failing = Readable.from(
      (async function* () {
        yield randomBytes(block)
        throw new Error('the source has failed')
      })(),
      { objectMode: false },
    )
    await expect(digestOf(spool(failing))).rejects.toThrow('the source has failed')
    const { source } = sourceOf(1_000_000)
    const reader = spool(source)
    reader.on('error', () => {})
    reader.destroy()
    await once(source, 'close')
  })
})
