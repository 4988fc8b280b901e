import { setTimeout as sleep } from 'node:timers/promises'
import type { Meter } from '../metrics.ts'
import { type Balance, spenders } from './ledger.ts'

/** What the key's account stands at. */
export interface Usage extends Omit<Balance, 'resetsInSeconds'> {
  /** Calls left today; -1 is no limit. */
  left: number
}

interface Options {
  look: () => Promise<Balance>
  meter: Pick<Meter, 'quotaLimit' | 'quotaLeft' | 'quotaSpent' | 'breakerOpen' | 'onScrape'>
}

// A scrape goes without the newest figures rather than wait for a database that is gone.
const scrapeMs = 1_000

/** Reads it, and shows it in the metrics when they are scraped. */
export function createUsage({ look, meter }: Options) {
  async function usage(): Promise<Usage> {
    const { resetsInSeconds: _, ...balance } = await look()
    const all = Object.values(balance.spent).reduce((sum, calls) => sum + calls)
    return { ...balance, left: balance.limit < 0 ? -1 : Math.max(0, balance.limit - all) }
  }

  async function show(): Promise<void> {
    const { limit, left, spent, blocked } = await usage()
    meter.quotaLimit.set(limit)
    meter.quotaLeft.set(left)
    for (const purpose of spenders) meter.quotaSpent.set({ purpose }, spent[purpose])
    for (const breaker of ['quota', 'key']) meter.breakerOpen.set({ breaker }, blocked?.reason === breaker ? 1 : 0)
  }

  // All gauges of a scrape ask at once.
  let showing: Promise<void> | undefined
  meter.onScrape(async () => {
    showing ??= show()
      .catch(() => {})
      .finally(() => {
        showing = undefined
      })
    await Promise.race([showing, sleep(scrapeMs, undefined, { ref: false })])
  })
  return usage
}
