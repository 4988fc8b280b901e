import type { FastifyReply } from 'fastify'
import { Gauge, type Registry } from 'prom-client'
import { AppError } from '../errors.ts'
import { networkOf } from '../text/networks.ts'

/** Whose answer it is, as a request tells: a user's, or without a token a network's. */
export interface Reader {
  user?: { id: number } | undefined
  ip: string
}

export type Places = ReturnType<typeof createPlaces>

// A long answer that is not read holds up to some 0.4 MB: two pieces, and a batch of its listing.
const max = 256
const maxOfUser = 32
// Behind one address may be all users of a front that renders on its server.
const maxOfAddress = 128
// Batches that are read and rendered at once: other requests wait for so many at most, however many readers there are.
const maxInTurn = 3

/** Places for answers that are sent as slowly as their reader takes them, with a share for each. Nobody waits for one. */
export function createPlaces(metrics: Registry) {
  const taken = new Map<string, number>()
  let count = 0
  const turns: (() => void)[] = []
  let working = 0
  new Gauge({
    name: 'http_streamed_answers',
    help: 'Long answers that are being sent as their reader takes them',
    registers: [metrics],
    collect() {
      this.set(count)
    },
  })
  return {
    /** Returns the release function; only its first call counts. @throws {AppError} overloaded */
    async acquire({ user, ip }: Reader): Promise<() => void> {
      const key = user ? `user ${user.id}` : networkOf(ip)
      const own = taken.get(key) ?? 0
      if (own >= (user ? maxOfUser : maxOfAddress)) throw tooMany(`${own} long answers to you`)
      if (count >= max) throw tooMany(`${count} long answers`)
      taken.set(key, own + 1)
      count++
      let released = false
      return () => {
        if (released) return
        released = true
        count--
        const left = (taken.get(key) ?? 1) - 1
        if (left > 0) taken.set(key, left)
        else taken.delete(key)
      }
    },

    /** `read` when its turn comes: one of each answer waits, so the places bound the queue. */
    async inTurn<T>(read: () => Promise<T>): Promise<T> {
      if (working < maxInTurn) working++
      else await new Promise<void>((resolve) => turns.push(resolve))
      try {
        return await read()
      } finally {
        const next = turns.shift()
        if (next) next()
        else working--
      }
    },
  }
}

/** Until the answer has been sent, or its reader is gone. @throws {AppError} overloaded */
export async function holdPlace(reader: Reader, { raw }: FastifyReply, places: Places): Promise<void> {
  const release = await places.acquire(reader)
  if (raw.destroyed) return release()
  raw.once('finish', release).once('close', release)
}

function tooMany(what: string): AppError {
  return new AppError('overloaded', {
    detail: `${what} are under way already: read them to their end, or ask for pages; try again soon`,
  })
}
