import { AppError } from '../../errors.ts'
import { UpstreamFailure } from '../failures.ts'
import type { Ask, Question } from '../request.ts'
import type { AccountAnswer } from '../schemas.ts'
import type { AccountRepository } from './key-accounts.ts'
import type { Ledger } from './ledger.ts'
import type { Quota } from './quota.ts'

interface Options {
  ask: Ask
  question: Question<AccountAnswer>
  accounts: AccountRepository
  ledger: Pick<Ledger, 'reconcile'>
  quota: Pick<Quota, 'heed' | 'look' | 'isPressing'>
  timeoutMs: number
  warn: (error: unknown, message: string) => void
  /** How often this process looks whether upstream is to be asked. */
  everyMs?: number
}

// Whether it is due is told by the database, to one of the replicas.
const lookMs = 15 * 60_000

/** Asks upstream about the key's account, rarely: what it allows a day, what it has counted, whether a block is over. */
export function createAccount({ ask, question, accounts, ledger, quota, timeoutMs, warn, everyMs = 5_000 }: Options) {
  let timer: NodeJS.Timeout | undefined
  let lookAt = 0
  let checking = false

  async function check(rest: '1 min' | '15 min' | '3 h'): Promise<void> {
    const claimed = await accounts.claim(rest)
    if (!claimed) return
    try {
      const { value } = await ask(question, { purpose: 'refresh', deadline: performance.now() + timeoutMs })
      if (!value) return
      const { limit, left } = allowance(value)
      // While it is blocked no call is under way.
      await ledger.reconcile(value.dailyQuota.used, { quiet: claimed.blocked })
      if (await accounts.learn({ limit, left })) await quota.look()
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      if (error instanceof UpstreamFailure) await quota.heed(error)
    }
  }

  /** Never rejects. */
  async function tick(starting: boolean): Promise<void> {
    if (checking) return
    checking = true
    try {
      if (starting || quota.isPressing()) await quota.look()
      else if (performance.now() < lookAt) return
      lookAt = performance.now() + lookMs
      const rest = quota.isPressing() ? '15 min' : '3 h'
      await check(starting ? '1 min' : rest)
    } catch (error) {
      warn(error, 'the account of the Kinopoisk key could not be checked')
    } finally {
      checking = false
    }
  }

  return {
    /** Resolves when it has been checked for the first time. */
    start(): Promise<void> {
      timer = setInterval(() => void tick(false), everyMs).unref()
      return tick(true)
    },
    close() {
      clearInterval(timer)
    },
  }
}

/** Calls a day, -1 without limit: no more than what is left of the total quota. */
function allowance({ dailyQuota, totalQuota }: AccountAnswer): { limit: number; left: boolean } {
  const daily = dailyQuota.value < 0 ? Number.POSITIVE_INFINITY : dailyQuota.value
  const rest = totalQuota.value < 0 ? Number.POSITIVE_INFINITY : Math.max(0, totalQuota.value - totalQuota.used)
  const limit = Math.min(daily, dailyQuota.used + rest)
  return { limit: Number.isFinite(limit) ? limit : -1, left: dailyQuota.used < limit }
}
