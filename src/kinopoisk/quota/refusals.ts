import { LRUCache } from 'lru-cache'
import type { AppError } from '../../errors.ts'
import { refusal, retryAfterHeader, type Share, ShareRefusal } from '../failures.ts'
import { type CallContext, type Purpose, purposes } from '../request.ts'
import type { Refused } from './charges.ts'
import type { Balance } from './ledger.ts'

interface Refusal {
  error: () => AppError
  until: number
}

type By = Pick<CallContext, 'purpose' | 'userId' | 'keyId'>

// How long a change by another replica may take to be seen here, and how often the database is queried while calls are
// rejected.
const refusalTtlMs = 1_000
const maxUsers = 1_000
// For what may change before the day ends: the shares grow with it, and so may the account's limit.
const soonSeconds = 900

/** What was refused in the last second in this process: to all callers, to one user, or to one key. */
export function createRefusals() {
  const toAll = new Map<Purpose, Refusal & { blocked: boolean }>()
  const toUsers = new LRUCache<string, Refusal>({ max: maxUsers })
  const until = () => performance.now() + refusalTtlMs
  const isBlocked = () => [...toAll.values()].some(({ blocked }) => blocked)
  const ofUser = ({ purpose, userId }: By) => `${purpose} ${userId}`
  const ofKey = ({ purpose, keyId }: By) => `${purpose} key ${keyId}`

  return {
    isBlocked,

    /** The error of a refusal that is not older than a second. */
    find(by: By): AppError | undefined {
      const known = [toAll.get(by.purpose), toUsers.get(ofUser(by)), by.keyId ? toUsers.get(ofKey(by)) : undefined]
      return known.find((each) => each && performance.now() < each.until)?.error()
    },

    /** The error of a block, however old: only a poll or a charged call ends it. */
    findBlock({ purpose }: By): AppError | undefined {
      const known = toAll.get(purpose)
      return known?.blocked ? known.error() : undefined
    },

    /** Notes whether calls are blocked by now. */
    noteBlock(balance: Balance): void {
      if (!balance.blocked && isBlocked()) toAll.clear()
      if (!balance.blocked) return
      for (const purpose of purposes) {
        toAll.set(purpose, { error: () => dayError(purpose, balance), until: until(), blocked: true })
      }
    },

    /** Notes a refusal by the balance, and returns its error. */
    note(by: By, refused: Refused, balance: Balance): AppError {
      const share = shareOf(refused, balance)
      const error = share ? () => shareError(share, by, balance) : () => dayError(by.purpose, balance)
      if (share) toUsers.set(share === 'key' ? ofKey(by) : ofUser(by), { error, until: until() })
      else if (!balance.blocked) toAll.set(by.purpose, { error, until: until(), blocked: false })
      return error()
    },

    clear(): void {
      toAll.clear()
      toUsers.clear()
    },
  }
}

export function isUsedUp({ limit, spent }: Balance): boolean {
  return limit >= 0 && Object.values(spent).reduce((sum, calls) => sum + calls) >= limit
}

/** After how many seconds a retry is useful, of a call that nobody may send. */
export function secondsOf(balance: Balance): number {
  const { blocked, resetsInSeconds } = balance
  if (blocked?.reason === 'key') return soonSeconds
  return blocked || isUsedUp(balance) ? resetsInSeconds : Math.min(soonSeconds, resetsInSeconds)
}

/** The balance is newer than the refusal: what concerns all users comes first. */
function shareOf(refused: Refused, balance: Balance): Share | undefined {
  return refused === 'blocked' || refused === 'day' || balance.blocked || isUsedUp(balance) ? undefined : refused
}

const consumers: Record<Purpose, string> = { interactive: 'users', refresh: 'refreshes', import: 'imports' }

function dayError(purpose: Purpose, balance: Balance): AppError {
  const seconds = secondsOf(balance)
  if (balance.blocked?.reason === 'key') return refusal('upstream_rejected_key', seconds)
  const isSpent = balance.blocked || isUsedUp(balance)
  const detail = isSpent
    ? `All Kinopoisk calls of the day are spent; new ones come at ${balance.resetsAt.toISOString()} at the latest`
    : `The day's Kinopoisk calls for ${consumers[purpose]} are spent; ${moreIsFree(balance)}`
  return refusal('upstream_quota_exhausted', seconds, undefined, detail)
}

function shareError(share: Share, by: By, balance: Balance): ShareRefusal {
  const { purpose } = by
  const calls = `the day's Kinopoisk calls${purpose === 'import' ? ' for imports' : ''}`
  const spent: Record<Share, string> = {
    key: 'The daily number of Kinopoisk calls of this key',
    limit: 'Your daily number of Kinopoisk calls',
    user: `Your share of ${calls}`,
    network: `The share of ${calls} that new accounts of your network have together`,
  }
  const { resetsInSeconds, resetsAt } = balance
  const isFixed = share === 'limit' || share === 'key'
  const soon = Math.min(soonSeconds, resetsInSeconds)
  const more = isFixed ? `new ones come at ${resetsAt.toISOString()}` : moreIsFree(balance)
  return new ShareRefusal(share, by, {
    ...retryAfterHeader(isFixed ? resetsInSeconds : Math.max(soon, releasesInSeconds(balance))),
    detail: `${spent[share]} is spent; ${more}`,
  })
}

/** Below 0 when that has begun. */
function releasesInSeconds({ resetsInSeconds, resetsAt, releasesAt }: Balance): number {
  return resetsInSeconds - (resetsAt.getTime() - releasesAt.getTime()) / 1000
}

function moreIsFree(balance: Balance): string {
  if (releasesInSeconds(balance) > 0) return `more are free from ${balance.releasesAt.toISOString()} on`
  return `more become free little by little until the day ends at ${balance.resetsAt.toISOString()}`
}
