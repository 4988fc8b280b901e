import type { AppError } from '../../errors.ts'
import { refusal, UpstreamFailure } from '../failures.ts'
import type { GatewayMetrics } from '../metrics.ts'
import { type Layer, type Purpose, purposes } from '../request.ts'
import type { KeyAccountRepository } from './key-accounts.ts'
import type { Balance, Ledger } from './ledger.ts'

interface Options {
  ledger: Ledger
  accounts: Pick<KeyAccountRepository, 'block'>
  metrics: Pick<GatewayMetrics, 'quotaRefused'>
  warn: (error: unknown, message: string) => void
}

interface Refusal {
  error: () => AppError
  until: number
  blocked: boolean
}

// How long a change by another replica may take to be seen here, and how often the database is queried while calls are
// rejected.
const refusalTtlMs = 1_000
// For what may change before the day ends: the shares grow with it, and so may the account's limit.
const soonSeconds = 900

export type Quota = ReturnType<typeof createQuota>

/** Each call is charged to the daily quota before it is sent; without quota, or with a rejected key, no call. */
export function createQuota({ ledger, accounts, metrics, warn }: Options) {
  const refusals = new Map<Purpose, Refusal>()
  const keepRefusal = (purpose: Purpose, error: () => AppError, blocked: boolean) =>
    refusals.set(purpose, { error, blocked, until: performance.now() + refusalTtlMs })

  let mayHaveEnded = false
  const clearRefusals = () => refusals.clear()

  /** Reads the balance, and remembers its block in this process. */
  async function refreshBalance(): Promise<Balance> {
    const balance = await ledger.read()
    // Upstream may have counted fewer calls than were charged, as in an outage, or have begun its day later.
    mayHaveEnded = balance.blocked !== null || isUsedUp(balance)
    if (balance.blocked) for (const purpose of purposes) keepRefusal(purpose, errorOf(balance), true)
    else if (isBlocked()) clearRefusals()
    return balance
  }

  /** As far as this process knows. */
  function isBlocked(): boolean {
    return [...refusals.values()].some(({ blocked }) => blocked)
  }

  async function refuse(purpose: Purpose): Promise<never> {
    const balance = await refreshBalance()
    const error = errorOf(balance)
    if (!balance.blocked) keepRefusal(purpose, error, false)
    throw counted(purpose, error())
  }

  function counted(purpose: Purpose, error: AppError): AppError {
    if (error.code === 'upstream_quota_exhausted') metrics.quotaRefused.inc({ purpose })
    return error
  }

  /** Notes upstream's 402 or 401 as a block for all replicas. Returns the failure, with how long the block will last. */
  async function recordFailure(failure: UpstreamFailure): Promise<UpstreamFailure> {
    const reason = blockOf(failure)
    if (!reason) return failure
    try {
      if (await accounts.block(reason)) warn(failure, `Kinopoisk is not asked any more: ${reasons[reason]}`)
      const balance = await refreshBalance()
      return balance.blocked ? new UpstreamFailure(failure.outcome, failure.cause, secondsOf(balance)) : failure
    } catch (error) {
      warn(error, `it could not be noted that Kinopoisk is not to be asked any more: ${reasons[reason]}`)
      return failure
    }
  }

  /** Before the queue: rejects at once what has just been rejected. */
  const failFast: Layer = (fetch) => async (request, context) => {
    const known = refusals.get(context.purpose)
    if (known && performance.now() < known.until) throw counted(context.purpose, known.error())
    return fetch(request, context)
  }

  const charged: Layer = (fetch) => async (request, context) => {
    const wasBlocked = isBlocked()
    const day = await ledger.reserve(context.purpose)
    if (day === undefined) return refuse(context.purpose)
    // A refusal that was noted since is newer than the charge.
    if (wasBlocked) clearRefusals()
    try {
      return await fetch(request, context)
    } catch (error) {
      if (error instanceof UpstreamFailure && !error.unsent) throw await recordFailure(error)
      await ledger.refund(context.purpose, day).catch(() => {})
      throw error
    }
  }

  /** On its turn: rejects a call that was charged and has its slot, when upstream has blocked the key meanwhile. */
  const recheckBlocked: Layer = (fetch) => async (request, context) => {
    const known = refusals.get(context.purpose)
    if (known?.blocked) throw counted(context.purpose, known.error())
    return fetch(request, context)
  }

  /** A poll of the account may end the block. */
  const needsRecheck = () => mayHaveEnded

  return { failFast, charged, recheckBlocked, recordFailure, refreshBalance, isBlocked, needsRecheck }
}

const reasons = { quota: 'the quota is used up', key: 'the API key is rejected' }

function blockOf({ outcome }: UpstreamFailure): 'quota' | 'key' | undefined {
  if (outcome === 'quota') return 'quota'
  return outcome === 'rejected_key' ? 'key' : undefined
}

function isUsedUp({ limit, spent }: Balance): boolean {
  return limit >= 0 && Object.values(spent).reduce((sum, calls) => sum + calls) >= limit
}

/** After how many seconds a retry is useful. */
function secondsOf(balance: Balance): number {
  const { blocked, resetsInSeconds } = balance
  if (blocked?.reason === 'key') return soonSeconds
  return Math.ceil(blocked || isUsedUp(balance) ? resetsInSeconds : Math.min(soonSeconds, resetsInSeconds))
}

function errorOf(balance: Balance): () => AppError {
  const { blocked } = balance
  const seconds = secondsOf(balance)
  if (blocked?.reason === 'key') return () => refusal('upstream_rejected_key', seconds)
  if (blocked || isUsedUp(balance)) return () => refusal('upstream_quota_exhausted', seconds)
  return () => refusal('upstream_quota_exhausted', seconds, 'the share of the quota is used up')
}
