import type { GatewayMetrics } from '../metrics.ts'
import type { CallerBudgets } from './caller-budgets.ts'
import type { Ledger } from './ledger.ts'
import type { createResults } from './results.ts'

interface Options {
  ledger: Pick<Ledger, 'extend' | 'refundExpired'>
  budgets: Pick<CallerBudgets, 'clear'>
  results: Pick<ReturnType<typeof createResults>, 'write'>
  metrics: Pick<GatewayMetrics, 'refunds'>
  warn: (error: unknown, message: string) => void
  /** How often reservations are looked after. */
  everyMs: number
}

const writeMs = 1_000

/** What the ledger needs done all the time: living calls extended, those of dead processes refunded, results written. */
export function createUpkeep({ ledger, budgets, results, metrics, warn, everyMs }: Options) {
  async function lookAfterReservations(): Promise<void> {
    await ledger.extend()
    const refunded = await ledger.refundExpired()
    if (refunded === 0) return
    metrics.refunds.inc({ reason: 'expired' }, refunded)
    budgets.clear()
    warn({ refunded }, 'calls that a process had reserved when it died were refunded')
  }

  const works = [
    createTask(lookAfterReservations, everyMs, (error) =>
      warn(error, 'reservations of calls could not be looked after'),
    ),
    createTask(results.write, writeMs, (error) =>
      warn(error, 'it could not be written how requests to the gateway ended'),
    ),
  ]
  return {
    start() {
      for (const work of works) work.start()
    },
    close() {
      for (const work of works) work.close()
    },
  }
}

/** Runs again and again, never twice at a time. Of several failures in a row the first is reported. */
function createTask(run: () => Promise<void>, everyMs: number, onFailure: (error: unknown) => void) {
  let timer: NodeJS.Timeout | undefined
  let isRunning = false
  let isFailing = false

  async function tick(): Promise<void> {
    if (isRunning) return
    isRunning = true
    try {
      await run()
      isFailing = false
    } catch (error) {
      if (!isFailing) onFailure(error)
      isFailing = true
    } finally {
      isRunning = false
    }
  }

  return {
    start() {
      timer = setInterval(() => void tick(), everyMs).unref()
      void tick()
    },
    close: () => clearInterval(timer),
  }
}
