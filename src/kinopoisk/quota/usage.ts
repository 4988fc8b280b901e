import type { GatewayMetrics } from '../metrics.ts'
import { type Balance, quotaConsumers } from './ledger.ts'

/** The state of the key's account. */
export interface Usage extends Omit<Balance, 'resetsInSeconds'> {
  /** Calls left today; -1 is no limit. */
  left: number
}

interface Options {
  refreshBalance: () => Promise<Balance>
  readRanks: (ranks: number) => Promise<Record<'user' | 'key', number[]>>
  metrics: Pick<
    GatewayMetrics,
    'quotaLimit' | 'quotaLeft' | 'quotaSpent' | 'quotaSpentByUserMax' | 'spentByRank' | 'breakerOpen' | 'onScrape'
  >
}

const ranks = 10

/** Reads it, and updates the metrics when they are scraped. */
export function createUsage({ refreshBalance, readRanks, metrics }: Options) {
  async function usage(): Promise<Usage> {
    const { resetsInSeconds: _, ...balance } = await refreshBalance()
    const { limit, spent } = balance
    const all = Object.values(spent).reduce((sum, calls) => sum + calls)
    const left = limit < 0 ? -1 : Math.min(limit, Math.max(0, limit - all))
    // Below 0 in the ledger: calls of ours that upstream has not counted, or no longer counts.
    return { ...balance, left, spent: { ...spent, outside: Math.max(0, spent.outside) } }
  }

  async function updateGauges(): Promise<void> {
    const { limit, left, spent, spentByUserMax, blocked } = await usage()
    metrics.quotaLimit.set(limit)
    metrics.quotaLeft.set(left)
    metrics.quotaSpentByUserMax.set(spentByUserMax)
    for (const purpose of quotaConsumers) metrics.quotaSpent.set({ purpose }, spent[purpose])
    for (const breaker of ['quota', 'key']) metrics.breakerOpen.set({ breaker }, blocked?.reason === breaker ? 1 : 0)
  }

  async function updateRanks(): Promise<void> {
    const spent = await readRanks(ranks)
    for (const by of ['user', 'key'] as const) {
      for (let i = 0; i < ranks; i += 1) metrics.spentByRank.set({ by, rank: String(i + 1) }, spent[by][i] ?? 0)
    }
  }

  metrics.onScrape(updateGauges)
  metrics.onScrape(updateRanks)
  return usage
}
