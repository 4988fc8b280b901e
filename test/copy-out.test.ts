import { once } from 'node:events'
import { PassThrough, type Readable, Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { Client } from 'pg'
import { describe, expect, test } from 'vitest'
import { copyOut } from '../src/db/copy/copy-out.ts'

interface Copy {
  submit(connection: { stream: PassThrough; query(text: string): void }): void
  handleCommandComplete(): void
  handleError(error: Error): void
}

/** A COPY on a connection whose server says what the test writes. */
function copy() {
  const stream = new PassThrough()
  const parsed: Buffer[] = []
  const asked: string[] = []
  stream.on('data', (chunk) => parsed.push(chunk))
  const queries: Copy[] = []
  const client = {
    query(each: Copy) {
      queries.push(each)
      each.submit({ stream, query: (text) => asked.push(text) })
    },
  }
  const rows = copyOut(client as unknown as Client, 'copy')
  return { stream, rows, asked, query: queries[0] as Copy, parsed: () => Buffer.concat(parsed).toString() }
}

function message(type: string, content: string | Buffer): Buffer {
  const head = Buffer.from(`${type}\0\0\0\0`)
  head.writeUInt32BE(Buffer.byteLength(content) + 4, 1)
  return Buffer.concat([head, Buffer.from(content)])
}

async function textOf(rows: Readable): Promise<string> {
  const chunks: Buffer[] = await rows.toArray()
  return Buffer.concat(chunks).toString()
}

describe('The rows of a COPY', () => {
  const lines = ['id,name\n', '1,"two\nlines"\n', '2,плёнка\n', '3,"ends in ""\n"""\n', `4,${'x'.repeat(300)}\n`]
  const said = Buffer.concat([
    message('H', '\0\0\0'),
    ...lines.slice(0, 2).map((line) => message('d', line)),
    message('N', 'a notice\n'),
    ...lines.slice(2).map((line) => message('d', line)),
    message('c', ''),
  ])
  const rest = Buffer.concat([message('C', 'COPY 4\0'), message('Z', 'I')])

  test.each([1, 2, 3, 4, 5, 6, 7, 11, 64, 10_000])('are the same in pieces of %i bytes', async (size) => {
    const { stream, rows, query, parsed, asked } = copy()
    const text = textOf(rows)
    const all = Buffer.concat([said, rest])
    for (let at = 0; at < all.length; at += size) stream.write(all.subarray(at, at + size))
    await expect.poll(parsed).toBe(rest.toString())
    query.handleCommandComplete()
    expect(await text).toBe(lines.map((line) => `${line.slice(0, -1)}\r\n`).join(''))
    expect(asked).toEqual(['copy'])
  })

  test('longer than a block, and ending at every place in it, are whole', async () => {
    const long = [65_530, 65_531, 65_532, 65_533, 65_534, 65_535, 65_536, 200_000].map((n) => `${'y'.repeat(n)}\n`)
    const { stream, rows, query, parsed } = copy()
    const text = textOf(rows)
    for (const line of long) stream.write(message('d', line))
    stream.write(rest)
    await expect.poll(parsed).toBe(rest.toString())
    query.handleCommandComplete()
    expect(await text).toBe(long.map((line) => `${line.slice(0, -1)}\r\n`).join(''))
  })

  test('are read no faster than they are taken, and the first at once', async () => {
    const { stream, rows } = copy()
    stream.write(message('d', 'first\n'))
    await once(rows, 'readable')
    expect(String(rows.read())).toBe('first\r\n')
    const line = message('d', `${'z'.repeat(999)}\n`)
    let written = 0
    while (stream.write(line) || written < 50_000) {
      written += 1
      if (written % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
      if (stream.isPaused()) break
    }
    expect(stream.isPaused()).toBe(true)
    expect(rows.readableLength).toBeLessThanOrEqual(3 * 64 * 1024)
  })

  test('are piped in blocks that serve again, but not before they are written', async () => {
    const { stream, rows, query } = copy()
    const memory = new Set<ArrayBufferLike>()
    let text = ''
    const slow = new Writable({
      highWaterMark: 200_000,
      async write(block: Buffer, _encoding, done) {
        memory.add(block.buffer)
        await new Promise((resolve) => setImmediate(resolve))
        // What was written over meanwhile shows here.
        text += block.toString('latin1')
        done()
      },
    })
    const piped = finished(rows.pipe(slow))
    const lines = Array.from({ length: 30_000 }, (_, i) => `${i},${'w'.repeat(90)}\n`)
    for (const line of lines) if (!stream.write(message('d', line))) await once(stream, 'drain')
    await expect.poll(() => stream.readableLength).toBe(0)
    query.handleCommandComplete()
    await piped
    expect(text).toBe(lines.map((line) => `${line.slice(0, -1)}\r\n`).join(''))
    expect(memory.size).toBeLessThan(12)
  })

  test('end with the error of the server', async () => {
    const { stream, rows, query, parsed } = copy()
    stream.write(message('d', 'first\n'))
    const failed = expect(textOf(rows)).rejects.toThrow('gone')
    stream.write(message('E', 'gone'))
    await expect.poll(parsed).toBe(message('E', 'gone').toString())
    query.handleError(new Error('gone'))
    await failed
  })
})
