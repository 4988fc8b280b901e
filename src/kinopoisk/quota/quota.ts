import type { AppError } from '../../errors.ts'
import { ShareRefusal, UpstreamFailure } from '../failures.ts'
import type { GatewayMetrics } from '../metrics.ts'
import type { CallContext, Layer, Purpose } from '../request.ts'
import type { CallerBudgets } from './caller-budgets.ts'
import type { Charge, Refused } from './charges.ts'
import type { KeyAccountRepository } from './key-accounts.ts'
import type { Balance, Ledger } from './ledger.ts'
import { createRefusals, isUsedUp, secondsOf } from './refusals.ts'

interface Options {
  ledger: Ledger
  accounts: Pick<KeyAccountRepository, 'block'>
  budgets: Pick<CallerBudgets, 'noteCharge' | 'drop'>
  metrics: Pick<GatewayMetrics, 'quotaRefused' | 'shareRefused' | 'charges' | 'refunds' | 'budgetReached'>
  warn: (error: unknown, message: string) => void
}

/** From here on a key is close to its limit. */
export const softPart = 0.8

export type Quota = ReturnType<typeof createQuota>

/** Each call is charged to the daily quota before it is sent; without quota, or with a rejected key, no call. */
export function createQuota({ ledger, accounts, budgets, metrics, warn }: Options) {
  const refusals = createRefusals()
  let mayHaveEnded = false

  /** Reads the balance, and remembers its block in this process. */
  async function refreshBalance(): Promise<Balance> {
    const balance = await ledger.read()
    // Upstream may have counted fewer calls than were charged, as in an outage, or have begun its day later.
    mayHaveEnded = balance.blocked !== null || isUsedUp(balance)
    refusals.noteBlock(balance)
    return balance
  }

  async function refuse(context: CallContext, refused: Refused): Promise<never> {
    throw counted(context.purpose, refusals.note(context, refused, await refreshBalance()))
  }

  /** The share of a user that is spent says nothing of the others. */
  function counted(purpose: Purpose, error: AppError): AppError {
    if (error instanceof ShareRefusal) metrics.shareRefused.inc({ share: error.share })
    else if (error.code === 'upstream_quota_exhausted') metrics.quotaRefused.inc({ purpose })
    return error
  }

  /** Notes upstream's 402 or 401 as a block for all replicas. Returns the failure, with how long the block will last. */
  async function recordFailure(failure: UpstreamFailure): Promise<UpstreamFailure> {
    const reason = blockOf(failure)
    if (!reason) return failure
    try {
      if (await accounts.block(reason)) warn(failure, `Kinopoisk is not asked any more: ${reasons[reason]}`)
      const balance = await refreshBalance()
      const seconds = Math.ceil(secondsOf(balance))
      return balance.blocked ? new UpstreamFailure(failure.outcome, failure.cause, seconds) : failure
    } catch (error) {
      warn(error, `it could not be noted that Kinopoisk is not to be asked any more: ${reasons[reason]}`)
      return failure
    }
  }

  /** Once a day for each key and part: the figures of all replicas are one. */
  function noteReached({ userId, keyId }: CallContext, { ofKey }: Charge): void {
    if (!ofKey) return
    const { spent, limit } = ofKey
    const part = spent === limit ? 'spent' : spent === Math.ceil(limit * softPart) ? 'soft' : undefined
    if (!part) return
    metrics.budgetReached.inc({ part })
    warn({ user_id: userId, key_id: keyId, spent, limit }, `a personal key has reached its budget of the day: ${part}`)
  }

  /** Before the queue: rejects at once what has just been rejected. */
  const failFast: Layer = (fetch) => async (request, context) => {
    const known = refusals.find(context)
    if (!known) return fetch(request, context)
    // To a key, which programs use, "spent" is said only while it is so: another call may have been refunded.
    if (context.keyId == null || refusals.findBlock(context)) throw counted(context.purpose, known)
    const refused = await ledger.check(context.purpose, context)
    return refused ? refuse(context, refused) : fetch(request, context)
  }

  const charged: Layer = (fetch) => async (request, context) => {
    const { purpose } = context
    const { endpoint } = request
    const wasBlocked = refusals.isBlocked()
    const charge = await ledger.reserve(purpose, endpoint, context)
    if (typeof charge === 'string') return refuse(context, charge)
    // A refusal that was noted since is newer than the charge.
    if (wasBlocked) refusals.clear()
    metrics.charges.inc({ purpose, endpoint })
    budgets.noteCharge(context, charge)
    noteReached(context, charge)
    context.reservation = charge.reservation
    try {
      return await fetch(request, context)
    } catch (error) {
      if (error instanceof UpstreamFailure && !error.unsent) throw await recordFailure(error)
      // Where that is not possible now: one that was not sent expires.
      if (await ledger.refund(charge.reservation).catch(() => false)) metrics.refunds.inc({ reason: 'not_sent' })
      budgets.drop(context)
      throw error
    }
  }

  /** On its turn: rejects a call that was charged and has its slot, when upstream has blocked the key meanwhile. */
  const recheckBlocked: Layer = (fetch) => async (request, context) => {
    const known = refusals.findBlock(context)
    if (known) throw counted(context.purpose, known)
    return fetch(request, context)
  }

  /** A poll of the account may end the block. */
  const needsRecheck = () => mayHaveEnded

  const { isBlocked } = refusals
  return { failFast, charged, recheckBlocked, recordFailure, refreshBalance, isBlocked, needsRecheck }
}

const reasons = { quota: 'the quota is used up', key: 'the API key is rejected' }

function blockOf({ outcome }: UpstreamFailure): 'quota' | 'key' | undefined {
  if (outcome === 'quota') return 'quota'
  return outcome === 'rejected_key' ? 'key' : undefined
}
