import { AppError } from '../../errors.ts'
import { UpstreamFailure } from '../failures.ts'
import type { UpstreamFetch, UpstreamRequest } from '../request.ts'
import type { AccountResponse } from '../schemas.ts'
import type { KeyAccountRepository } from './key-accounts.ts'
import type { Ledger } from './ledger.ts'
import type { Quota } from './quota.ts'

interface Options {
  fetch: UpstreamFetch
  request: UpstreamRequest<AccountResponse>
  accounts: KeyAccountRepository
  ledger: Pick<Ledger, 'reconcile'>
  quota: Pick<Quota, 'recordFailure' | 'refreshBalance' | 'needsRecheck'>
  timeoutMs: number
  warn: (error: unknown, message: string) => void
  /** How often this process checks whether a poll is due. */
  everyMs?: number
}

// The database decides whether a poll is due, for one replica at a time.
const refreshMs = 15 * 60_000

/**
 * Polls the key's account at upstream, rarely: the daily limit, the calls that upstream has counted, whether a block is
 * over.
 */
export function createKeyAccountPoller({
  fetch,
  request,
  accounts,
  ledger,
  quota,
  timeoutMs,
  warn,
  everyMs = 5_000,
}: Options) {
  let timer: NodeJS.Timeout | undefined
  let refreshAt = 0
  let checking = false

  async function check(rest: '1 min' | '15 min' | '3 h'): Promise<void> {
    const claimed = await accounts.claim(rest)
    if (!claimed) return
    try {
      const { value } = await fetch(request, { purpose: 'refresh', deadline: performance.now() + timeoutMs })
      if (!value) return
      const { limit, left } = allowance(value)
      // While it is blocked no call is under way.
      const { used } = value.dailyQuota
      if (used != null) await ledger.reconcile(used, { quiet: claimed.blocked, day: claimed.day })
      if (await accounts.update({ limit, left })) await quota.refreshBalance()
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      if (error instanceof UpstreamFailure) await quota.recordFailure(error)
    }
  }

  /** Never rejects. */
  async function tick(starting: boolean): Promise<void> {
    if (checking) return
    checking = true
    try {
      if (starting || quota.needsRecheck()) await quota.refreshBalance()
      else if (performance.now() < refreshAt) return
      refreshAt = performance.now() + refreshMs
      const rest = quota.needsRecheck() ? '15 min' : '3 h'
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

/**
 * Calls a day, -1 without limit: no more than what is left of the total quota. A quota of 0 is not believed, as it would
 * stop all calls: if it is true, the next one is answered with 402, and that stops them. The limit is undefined if that
 * leaves none. A total of which a member is unknown is no limit.
 */
function allowance({ dailyQuota, totalQuota }: AccountResponse): { limit: number | undefined; left: boolean } {
  const used = dailyQuota.used ?? null
  const total = totalQuota?.value ?? 0
  const totalUsed = totalQuota?.used ?? Number.NEGATIVE_INFINITY
  const daily = dailyQuota.value <= 0 ? Number.POSITIVE_INFINITY : dailyQuota.value
  const rest = total <= 0 ? Number.POSITIVE_INFINITY : Math.max(0, total - totalUsed)
  const limit = Math.min(daily, (used ?? 0) + rest)
  if (dailyQuota.value === 0 && !Number.isFinite(limit)) return { limit: undefined, left: false }
  return { limit: Number.isFinite(limit) ? limit : -1, left: used !== null && used < limit }
}
