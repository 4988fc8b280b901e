import type { Db } from '../../db/connect.ts'
import { accountRequest } from '../endpoints.ts'
import { type GatewayMetrics, withMetrics } from '../metrics.ts'
import { compose, type UpstreamFetch } from '../request.ts'
import { createKeyAccountPoller } from './key-account-poller.ts'
import { createKeyAccountRepository } from './key-accounts.ts'
import { createLedger, hashKey } from './ledger.ts'
import { createQuota } from './quota.ts'
import { createRateLimiter } from './rate-limiter.ts'
import { createRateRepository } from './rate-windows.ts'
import { createUsage } from './usage.ts'

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

/** What the API key allows: a number of calls a day and a second, over all replicas that share it. */
export function createBudget(
  { apiKey, dailyQuota, resetTz, timeoutMs, isBootstrapping, accountEveryMs }: BudgetOptions,
  { db, fetch, metrics, warn }: Dependencies,
) {
  const keyHash = hashKey(apiKey)
  const ledger = createLedger(db, { keyHash, resetTz, configured: dailyQuota, isBootstrapping })
  const accounts = createKeyAccountRepository(db, { keyHash, resetTz })
  const quota = createQuota({ ledger, accounts, metrics, warn })
  const limiter = createRateLimiter(createRateRepository(db, keyHash), metrics)
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
  return {
    /** Before the queue: reject at once what would be rejected in the end. */
    beforeQueue: [quota.failFast, limiter.failFast],
    /**
     * On the call's turn, around every call that upstream counts. A call is charged before it waits for its slot:
     * behind the slot nothing may delay it.
     */
    onTurn: [quota.failFast, limiter.reserveSlot, quota.charged, limiter.limited, quota.recheckBlocked],
    usage: createUsage({ refreshBalance: quota.refreshBalance, metrics }),
    start: account.start,
    close: account.close,
    cleanup: ledger.deleteOld,
  }
}
