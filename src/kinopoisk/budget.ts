import type { Db } from '../db/connect.ts'
import { createAccount } from './account.ts'
import { createAccountRepository } from './accounts.ts'
import { accountQuestion } from './endpoints.ts'
import { createLedger, hashKey } from './ledger.ts'
import { createLimiter } from './limiter.ts'
import { type Meter, measured } from './meter.ts'
import { type Ask, compose } from './question.ts'
import { createQuota } from './quota.ts'
import { createRateRepository } from './rates.ts'
import { createUsage } from './usage.ts'

export interface BudgetOptions {
  apiKey: string
  /** Calls a day, -1 without limit; undefined: what upstream tells. */
  dailyQuota: number | undefined
  /** The time zone whose midnight ends the quota's day. */
  resetTz: string
  timeoutMs: number
  isLearning?: () => boolean
  /** How often this process looks whether the key's account is to be asked about. */
  accountEveryMs?: number
}

interface Edges {
  db: Db
  /** Upstream, without any layer. */
  ask: Ask
  meter: Meter
  warn: (error: unknown, message: string) => void
}

/** What the API key allows: so many calls a day and a second, over all replicas that share it. */
export function createBudget(
  { apiKey, dailyQuota, resetTz, timeoutMs, isLearning, accountEveryMs }: BudgetOptions,
  { db, ask, meter, warn }: Edges,
) {
  const keyHash = hashKey(apiKey)
  const ledger = createLedger(db, { keyHash, resetTz, configured: dailyQuota, isLearning })
  const accounts = createAccountRepository(db, { keyHash, resetTz })
  const quota = createQuota({ ledger, accounts, meter, warn })
  const limiter = createLimiter(createRateRepository(db, keyHash), meter)
  const account = createAccount({
    ask: compose(ask, [limiter.limited, measured(meter)]),
    question: accountQuestion(apiKey),
    accounts,
    ledger,
    quota,
    timeoutMs,
    warn,
    ...(accountEveryMs && { everyMs: accountEveryMs }),
  })
  return {
    /** Refuse at once what would be refused in the end. */
    guards: [quota.guard, limiter.guard],
    /** Around every call that upstream counts. A call is paid before it waits for its turn: behind its turn nothing may delay it. */
    layers: [quota.guard, limiter.placed, quota.paid, limiter.limited, quota.unblocked],
    usage: createUsage({ look: quota.look, meter }),
    start: account.start,
    close: account.close,
  }
}
