import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { sendJson, serialize } from '../src/http/json-payload.ts'

/** A different text of each length, in letters of one, two, three and four bytes. */
const textOf = (length: number) => JSON.stringify(`${length} `.padEnd(length, `${length}яЖ€😀`))

const app = Fastify({ forceCloseConnections: true })
app.get<{ Params: { length: string } }>('/:length', (request, reply) =>
  sendJson(reply as never, serialize(textOf(Number(request.params.length)))),
)
beforeAll(() => app.listen({ port: 0, host: '127.0.0.1' }))
afterAll(() => app.close())

/** All lengths over one connection, sent at once; nothing of what comes is taken for some time. */
async function pipelined(lengths: number[], pauseMs: number): Promise<string[]> {
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  socket.write(lengths.map((length) => `GET /${length} HTTP/1.1\r\nhost: a\r\n\r\n`).join(''))
  const bodies: string[] = []
  let rest: Buffer = Buffer.alloc(0)
  await sleep(pauseMs)
  for await (const chunk of socket) {
    rest = Buffer.concat([rest, chunk as Buffer])
    for (;;) {
      const end = rest.indexOf('\r\n\r\n')
      const [, size = ''] = /content-length: (\d+)/.exec(rest.toString('latin1', 0, Math.max(0, end))) ?? []
      if (end < 0 || rest.length < end + 4 + Number(size)) break
      bodies.push(rest.toString('utf8', end + 4, end + 4 + Number(size)))
      rest = rest.subarray(end + 4 + Number(size))
    }
    if (bodies.length === lengths.length) break
  }
  socket.destroy()
  return bodies
}

/** Asks, and goes without waiting for all of it. */
async function hangUp(length: number): Promise<void> {
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  socket.write(`GET /${length} HTTP/1.1\r\nhost: a\r\n\r\n`)
  await once(socket, 'data')
  socket.destroy()
}

test('what is sent is what was to be sent, to fast and slow readers at once, over one connection or many', {
  tags: 'slow',
}, async () => {
  // More than the system takes of an answer that is not read.
  const lengths = Array.from({ length: 200 }, (_, i) => [3, 700, 20_000, 50_000, 100_000][i % 5] as number)
  const readers = [0, 0, 100, 500, 1000, 1000].map(async (pauseMs, reader) => {
    const own = lengths.map((length) => length + reader)
    return [await pipelined(own, pauseMs), own.map(textOf)]
  })
  const leavers = Array.from({ length: 100 }, (_, i) => sleep(5 * i).then(() => hangUp(i % 2 ? 60_000 : 200_000)))
  await Promise.all(leavers)
  for (const [found, expected] of await Promise.all(readers)) {
    expect(found?.length).toBe(expected?.length)
    expect(found?.every((body, i) => body === expected?.[i])).toBe(true)
  }
})
