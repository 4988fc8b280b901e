import type { Db } from '../../db/connect.ts'
import { accountRequest } from '../endpoints.ts'
import { type GatewayMetrics, withMetrics } from '../metrics.ts'
import { compose, type Layer, type UpstreamFetch } from '../request.ts'
import { createCallerBudgets } from './caller-budgets.ts'
import { createKeyAccountPoller } from './key-account-poller.ts'
import { createKeyAccountRepository } from './key-accounts.ts'
import { createLedger, hashKey } from './ledger.ts'
import { createQuota } from './quota.ts'
import { createRateLimiter } from './rate-limiter.ts'
import { createRateRepository } from './rate-windows.ts'
import { createResults } from './results.ts'
import { createUpkeep } from './upkeep.ts'
import { createUsage } from './usage.ts'
import { createUsageReport } from './usage-report.ts'

export interface BudgetOptions {
  apiKey: string
  /** Calls a day, -1 without limit; undefined: the limit of the key's account. */
  dailyQuota: number | undefined
  /** The time zone whose midnight ends the quota's day. */
  resetTz: string
  timeoutMs: number
  isBootstrapping?: () => boolean
  /** How often this process looks whether the key's account is to be asked about. */
  accountEveryMs?: number
}

interface Dependencies {
  db: Db
  /** Upstream, without any layer. */
  fetch: UpstreamFetch
  metrics: GatewayMetrics
  warn: (error: unknown, message: string) => void
}

/** More often than a reservation of 30 s ends. */
const reservationsMs = 5_000

export type Spending = ReturnType<typeof createBudget>['spending']

/** What the API key allows: a number of calls a day and a second, over all replicas that share it. */
export function createBudget(
  { apiKey, dailyQuota, resetTz, timeoutMs, isBootstrapping, accountEveryMs }: BudgetOptions,
  { db, fetch, metrics, warn }: Dependencies,
) {
  const terms = { keyHash: hashKey(apiKey), resetTz, configured: dailyQuota }
  const { keyHash } = terms
  const ledger = createLedger(db, { ...terms, isBootstrapping })
  const accounts = createKeyAccountRepository(db, { keyHash, resetTz })
  const budgets = createCallerBudgets(db, terms)
  const quota = createQuota({ ledger, accounts, budgets, metrics, warn })
  const limiter = createRateLimiter(createRateRepository(db, keyHash), metrics)
  const results = createResults(db, terms)
  const account = createKeyAccountPoller({
    fetch: compose(fetch, [limiter.limited, withMetrics(metrics)]),
    request: accountRequest(apiKey),
    accounts,
    ledger,
    quota,
    timeoutMs,
    warn,
    ...(accountEveryMs && { everyMs: accountEveryMs }),
  })
  const upkeep = createUpkeep({ ledger, budgets, results, metrics, warn, everyMs: reservationsMs })
  return {
    /** Before the queue: reject at once what would be rejected in the end. */
    beforeQueue: [quota.failFast, unlessKeyed(limiter.failFast)],
    /**
     * On the call's turn, around every call that upstream counts. A call is charged before it waits for its slot:
     * behind the slot nothing may delay it. With a personal key it is charged before anything else can refuse it, so that
     * a budget that is spent is never taken for a full queue.
     */
    onTurn: [quota.failFast, unlessKeyed(limiter.reserveSlot), quota.charged, limiter.limited, quota.recheckBlocked],
    usage: createUsage({ refreshBalance: quota.refreshBalance, readRanks: ledger.readRanks, metrics }),
    /** What callers may spend, and have spent. */
    spending: { budgetOf: budgets.budgetOf, ...createUsageReport(db, terms) },
    noteResult: results.note,
    async start() {
      upkeep.start()
      await account.start()
    },
    close() {
      account.close()
      upkeep.close()
    },
    /** What was counted since the last second. */
    writeResults: results.write,
    async cleanup(signal?: AbortSignal) {
      await ledger.deleteOld(signal)
      await ledger.deleteOldReservations(signal)
    },
  }
}

/** Its own queue refuses a call with a key as well, when it is charged. */
function unlessKeyed(layer: Layer): Layer {
  return (fetch) => {
    const inner = layer(fetch)
    return (request, context) => (context.keyId == null ? inner(request, context) : fetch(request, context))
  }
}
