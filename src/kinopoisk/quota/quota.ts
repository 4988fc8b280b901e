import type { AppError } from '../../errors.ts'
import { ShareRefusal, UpstreamFailure } from '../failures.ts'
import type { GatewayMetrics } from '../metrics.ts'
import type { CallContext, Layer, Purpose } from '../request.ts'
import type { Refused } from './charges.ts'
import type { KeyAccountRepository } from './key-accounts.ts'
import type { Balance, Ledger } from './ledger.ts'
import { createRefusals, isUsedUp, secondsOf } from './refusals.ts'

interface Options {
  ledger: Ledger
  accounts: Pick<KeyAccountRepository, 'block'>
  metrics: Pick<GatewayMetrics, 'quotaRefused' | 'shareRefused'>
  warn: (error: unknown, message: string) => void
}

export type Quota = ReturnType<typeof createQuota>

/** Each call is charged to the daily quota before it is sent; without quota, or with a rejected key, no call. */
export function createQuota({ ledger, accounts, metrics, warn }: Options) {
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

  /** Before the queue: rejects at once what has just been rejected. */
  const failFast: Layer = (fetch) => async (request, context) => {
    const known = refusals.find(context)
    if (known) throw counted(context.purpose, known)
    return fetch(request, context)
  }

  const charged: Layer = (fetch) => async (request, context) => {
    const wasBlocked = refusals.isBlocked()
    const charge = await ledger.reserve(context.purpose, context)
    if (typeof charge === 'string') return refuse(context, charge)
    // A refusal that was noted since is newer than the charge.
    if (wasBlocked) refusals.clear()
    try {
      return await fetch(request, context)
    } catch (error) {
      if (error instanceof UpstreamFailure && !error.unsent) throw await recordFailure(error)
      await ledger.refund(charge).catch(() => {})
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
