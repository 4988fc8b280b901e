import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { driverError, isUnavailable } from '../db/errors.ts'

interface Options {
  tasks: Record<string, (signal: AbortSignal) => Promise<void>>
  /** 0 ≤ x < 1 */
  random?: () => number
  /** Waits so long, unless it is aborted. */
  pause?: (ms: number, signal: AbortSignal) => Promise<unknown>
  /** The pause between two runs; about an hour by default. */
  pauseMs?: (random: number) => number
}

const minuteMs = 60_000

/** Not at once, as a start is busy; nor for the first time after an hour, as some processes do not live so long. */
export const firstMs = (random: number): number => (2 + 8 * random) * minuteMs
/** Replicas that were started together do not stay so. */
export const everyMs = (random: number): number => (50 + 20 * random) * minuteMs

const unlessAborted = (ms: number, signal: AbortSignal) => sleep(ms, undefined, { ref: false, signal }).catch(() => {})

/** Cleanups, some minutes after the start and then every hour; one that fails is logged and tried again the next time. */
export default fp(async (app: FastifyInstance, { tasks, pauseMs = everyMs, ...options }: Options) => {
  const { random = Math.random, pause = unlessAborted } = options
  const closing = new AbortController()
  const { signal } = closing

  async function runAll(): Promise<void> {
    for (const [name, task] of Object.entries(tasks)) {
      if (signal.aborted) return
      await task(signal).catch((error) => {
        if (signal.aborted) return
        if (isUnavailable(error)) app.log.warn({ reason: driverError(error).code, task: name }, 'housekeeping waits')
        else app.log.error({ err: error, task: name }, 'housekeeping failed')
      })
    }
  }
  async function run(): Promise<void> {
    await pause(firstMs(random()), signal)
    while (!signal.aborted) {
      await runAll()
      await pause(pauseMs(random()), signal)
    }
  }
  app.addHook('onReady', async () => {
    void run()
  })
  app.addHook('onClose', async () => closing.abort())
})
