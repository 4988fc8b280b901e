import type { AppError } from '../../errors.ts'
import { refusal, UpstreamFailure } from '../failures.ts'
import type { Meter } from '../metrics.ts'
import { type Layer, type Purpose, purposes } from '../request.ts'
import type { AccountRepository } from './key-accounts.ts'
import type { Balance, Ledger } from './ledger.ts'

interface Options {
  ledger: Ledger
  accounts: Pick<AccountRepository, 'block'>
  meter: Pick<Meter, 'quotaRefused'>
  warn: (error: unknown, message: string) => void
}

interface Refusal {
  error: () => AppError
  until: number
  blocked: boolean
}

// How long other replicas' news may take to be seen here, and how often the database is asked while calls are refused.
const rememberedMs = 1_000
// For what may change before the day ends: the shares grow with it, and so may the account.
const soonSeconds = 900

export type Quota = ReturnType<typeof createQuota>

/** Calls are paid from the day's quota before they are made; none is made when it is used up or the key is rejected. */
export function createQuota({ ledger, accounts, meter, warn }: Options) {
  const refusals = new Map<Purpose, Refusal>()
  const remember = (purpose: Purpose, error: () => AppError, blocked: boolean) =>
    refusals.set(purpose, { error, blocked, until: performance.now() + rememberedMs })

  let pressing = false
  const forget = () => refusals.clear()

  /** What is known in the database, and from now on here. */
  async function look(): Promise<Balance> {
    const balance = await ledger.read()
    // Upstream may have counted less than we paid, as in an outage, or have begun its day later than we did.
    pressing = balance.blocked !== null || isUsedUp(balance)
    if (balance.blocked) for (const purpose of purposes) remember(purpose, errorOf(balance), true)
    else if (isBlocked()) forget()
    return balance
  }

  /** As far as this process knows. */
  function isBlocked(): boolean {
    return [...refusals.values()].some(({ blocked }) => blocked)
  }

  async function refuse(purpose: Purpose): Promise<never> {
    const balance = await look()
    const error = errorOf(balance)
    if (!balance.blocked) remember(purpose, error, false)
    throw counted(purpose, error())
  }

  function counted(purpose: Purpose, error: AppError): AppError {
    if (error.code === 'upstream_quota_exhausted') meter.quotaRefused.inc({ purpose })
    return error
  }

  /** Acts on what upstream said of the quota or the key, for all replicas. The failure, with how long that will last. */
  async function heed(failure: UpstreamFailure): Promise<UpstreamFailure> {
    const reason = blockOf(failure)
    if (!reason) return failure
    try {
      if (await accounts.block(reason)) warn(failure, `Kinopoisk is not asked any more: ${reasons[reason]}`)
      const balance = await look()
      return balance.blocked ? new UpstreamFailure(failure.outcome, failure.cause, secondsOf(balance)) : failure
    } catch (error) {
      warn(error, `it could not be noted that Kinopoisk is not to be asked any more: ${reasons[reason]}`)
      return failure
    }
  }

  /** Refuses at once what has just been refused. */
  const guard: Layer = (ask) => async (question, call) => {
    const known = refusals.get(call.purpose)
    if (known && performance.now() < known.until) throw counted(call.purpose, known.error())
    return ask(question, call)
  }

  const paid: Layer = (ask) => async (question, call) => {
    const wasBlocked = isBlocked()
    const day = await ledger.reserve(call.purpose)
    if (day === undefined) return refuse(call.purpose)
    // What has been learnt since is newer than the payment.
    if (wasBlocked) forget()
    try {
      return await ask(question, call)
    } catch (error) {
      if (error instanceof UpstreamFailure && !error.unsent) throw await heed(error)
      await ledger.refund(call.purpose, day).catch(() => {})
      throw error
    }
  }

  /** Refuses what has been paid and waited for its turn, when upstream has refused another call meanwhile. */
  const unblocked: Layer = (ask) => async (question, call) => {
    const known = refusals.get(call.purpose)
    if (known?.blocked) throw counted(call.purpose, known.error())
    return ask(question, call)
  }

  /** Upstream may soon tell that calls can be made again. */
  const isPressing = () => pressing

  return { guard, paid, unblocked, heed, look, isBlocked, isPressing }
}

const reasons = { quota: 'the quota is used up', key: 'the API key is rejected' }

function blockOf({ outcome }: UpstreamFailure): 'quota' | 'key' | undefined {
  if (outcome === 'quota') return 'quota'
  return outcome === 'rejected_key' ? 'key' : undefined
}

function isUsedUp({ limit, spent }: Balance): boolean {
  return limit >= 0 && Object.values(spent).reduce((sum, calls) => sum + calls) >= limit
}

/** After how many seconds it is worth coming again. */
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
