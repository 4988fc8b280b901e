import type { Spending } from '../../kinopoisk/quota/budget.ts'
import type { Caller } from '../../kinopoisk/request.ts'

type UsageCounts = Awaited<ReturnType<Spending['totals']>>
type By = 'user' | 'key' | 'endpoint'

interface Dependencies {
  spending: Spending
  /** From this part of its limit on a key is close to it. */
  softPart: number
}

export type UsageService = ReturnType<typeof createUsageService>

const maxKeys = 100

/** What was spent of the quota, and what was saved: of a user, and for administrators of all. */
export function createUsageService({ spending, softPart }: Dependencies) {
  const withNearness = <T extends { daily_limit: number | null; calls_today: number }>(key: T) => ({
    ...key,
    near_limit: key.daily_limit !== null && key.calls_today >= key.daily_limit * softPart,
  })

  async function itemsBy(by: By, days: number, limit: number): Promise<(UsageCounts & ItemNames)[]> {
    if (by === 'endpoint') return spending.byEndpoint({ days })
    if (by === 'user') return spending.byUser({ days }, limit)
    return (await spending.byKey({ days }, limit)).map(withNearness)
  }

  return {
    async ofUser(caller: Pick<Caller, 'userId' | 'keyId'>, days = 7) {
      const [bounds, { limit, used, resetsAt }, by_day, by_key] = await Promise.all([
        spending.bounds({ days }),
        spending.budgetOf(caller),
        spending.byDay({ days }, caller.userId),
        spending.byKey({ days }, maxKeys, caller.userId),
      ])
      const left = limit < 0 ? -1 : Math.max(0, limit - used)
      return {
        ...{ days, ...bounds },
        budget: { limit, used, left, resets_at: resetsAt },
        total: by_day.reduce<UsageCounts>(sum, nothing),
        by_day,
        by_key: by_key.map(({ user_id: _, ...key }) => withNearness(key)),
      }
    },

    async ofAll({ by = 'user', days = 7, limit = 20 }: { by?: By; days?: number; limit?: number }) {
      const [bounds, total, items] = await Promise.all([
        spending.bounds({ days }),
        spending.totals({ days }),
        itemsBy(by, days, limit),
      ])
      return { ...{ days, ...bounds }, by, total, items, others: items.reduce<UsageCounts>(less, total) }
    },
  }
}

interface ItemNames {
  user_id?: number | null
  login?: string
  key_id?: number
  name?: string | null
  daily_limit?: number | null
  calls_today?: number
  near_limit?: boolean
  endpoint?: string
}

const nothing: UsageCounts = { calls: 0, answers: 0, hits: 0, stale: 0, refused: 0, saved: 0 }
const names = Object.keys(nothing) as (keyof UsageCounts)[]

function each(combine: (name: keyof UsageCounts) => number): UsageCounts {
  return Object.fromEntries(names.map((name) => [name, combine(name)])) as unknown as UsageCounts
}

function sum(a: UsageCounts, b: UsageCounts): UsageCounts {
  return each((name) => a[name] + b[name])
}

/** Not below 0: the figures are read one after the other while they grow. */
function less(a: UsageCounts, b: UsageCounts): UsageCounts {
  return each((name) => Math.max(0, a[name] - b[name]))
}
