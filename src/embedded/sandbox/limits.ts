import { failure, type Reply } from './reply.ts'
import type { Endpoint } from './request.ts'

export interface Usage {
  total: number
  today: number
  dailyQuota: number
}

export interface LimitOptions {
  apiKeys: readonly string[] | undefined
  dailyQuota: number
  rateLimits: boolean
  now: () => number
}

export interface Limits {
  /** Counts a call and says how upstream refuses it; undefined: it does not. */
  refuse(endpoint: Endpoint, apiKey: string | undefined): Reply | undefined
  usage(apiKey: string): Usage
}

const SECOND = 1000
const DAY = 86_400_000
// Moscow has kept this offset, without summer time, since 2014.
const MOSCOW_OFFSET = 3 * 3_600_000
const KEY_RATE = 20
const OWN_RATES: Partial<Record<Endpoint, number>> = {
  ...{ list: 5, search: 5, persons: 5, premieres: 5, releases: 5, collections: 5 },
  ...{ votes: 2, api_key: 2 },
}

export function createLimits({ apiKeys, dailyQuota, rateLimits, now }: LimitOptions): Limits {
  const quota = createQuota(now)
  const tooFast = createRate(now)
  return {
    refuse(endpoint, apiKey) {
      if (endpoint === 'other') return undefined
      if (!apiKey || apiKeys?.includes(apiKey) === false) return failure(401, 'The API key is empty or unknown')
      if (rateLimits && tooFast(endpoint, apiKey)) return failure(429, 'Too many requests a second')
      if (endpoint === 'api_key') return undefined
      const used = quota.count(apiKey)
      if (dailyQuota < 0 || used <= dailyQuota) return undefined
      return failure(402, `The quota is used up: ${used} requests sent, ${dailyQuota} a day available`)
    },
    usage: (apiKey) => ({ ...quota.used(apiKey), dailyQuota }),
  }
}

function createQuota(now: () => number) {
  const accounts = new Map<string, { day: number; today: number; total: number }>()
  const today = () => Math.floor((now() + MOSCOW_OFFSET) / DAY)
  const open = (apiKey: string) => {
    const last = accounts.get(apiKey) ?? { day: today(), today: 0, total: 0 }
    return last.day === today() ? last : { ...last, day: today(), today: 0 }
  }
  return {
    used: open,
    count(apiKey: string): number {
      const account = open(apiKey)
      accounts.set(apiKey, { ...account, today: account.today + 1, total: account.total + 1 })
      return account.today + 1
    },
  }
}

function createRate(now: () => number) {
  let recent: { at: number; endpoint: Endpoint; apiKey: string }[] = []
  return (endpoint: Endpoint, apiKey: string): boolean => {
    const at = now()
    recent = recent.filter((call) => at - call.at < SECOND)
    const ofKey = recent.filter((call) => call.apiKey === apiKey)
    const ofEndpoint = ofKey.filter((call) => call.endpoint === endpoint)
    if (ofKey.length >= KEY_RATE || ofEndpoint.length >= (OWN_RATES[endpoint] ?? KEY_RATE)) return true
    recent.push({ at, endpoint, apiKey })
    return false
  }
}
