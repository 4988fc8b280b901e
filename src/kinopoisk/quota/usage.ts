import { setTimeout as sleep } from 'node:timers/promises'
import type { GatewayMetrics } from '../metrics.ts'
import { type Balance, quotaConsumers } from './ledger.ts'

/** The state of the key's account. */
export interface Usage extends Omit<Balance, 'resetsInSeconds'> {
  /** Calls left today; -1 is no limit. */
  left: number
}

interface Options {
  refreshBalance: () => Promise<Balance>
  metrics: Pick<GatewayMetrics, 'quotaLimit' | 'quotaLeft' | 'quotaSpent' | 'breakerOpen' | 'onScrape'>
}

// A scrape shows the last figures rather than wait for a database that does not respond.
const scrapeMs = 1_000

/** Reads it, and updates the metrics when they are scraped. */
export function createUsage({ refreshBalance, metrics }: Options) {
  async function usage(): Promise<Usage> {
    const { resetsInSeconds: _, ...balance } = await refreshBalance()
    const { limit, spent } = balance
    const all = Object.values(spent).reduce((sum, calls) => sum + calls)
    const left = limit < 0 ? -1 : Math.min(limit, Math.max(0, limit - all))
    // Below 0 in the ledger: calls of ours that upstream has not counted, or no longer counts.
    return { ...balance, left, spent: { ...spent, outside: Math.max(0, spent.outside) } }
  }

  async function updateGauges(): Promise<void> {
    const { limit, left, spent, blocked } = await usage()
    metrics.quotaLimit.set(limit)
    metrics.quotaLeft.set(left)
    for (const purpose of quotaConsumers) metrics.quotaSpent.set({ purpose }, spent[purpose])
    for (const breaker of ['quota', 'key']) metrics.breakerOpen.set({ breaker }, blocked?.reason === breaker ? 1 : 0)
  }

  // All gauges of a scrape are read at the same time.
  let updating: Promise<void> | undefined
  metrics.onScrape(async () => {
    updating ??= updateGauges()
      .catch(() => {})
      .finally(() => {
        updating = undefined
      })
    await Promise.race([updating, sleep(scrapeMs, undefined, { ref: false })])
  })
  return usage
}
