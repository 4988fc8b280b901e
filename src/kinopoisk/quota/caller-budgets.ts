import { sql } from 'drizzle-orm'
import { LRUCache } from 'lru-cache'
import type { MaybePromise } from '../../cache/maybe-promise.ts'
import type { Db } from '../../db/connect.ts'
import { apiKeys } from '../../db/schema/api-keys.ts'
import { kinopoiskSpending as spending, kinopoiskUsage as usage } from '../../db/schema/kinopoisk.ts'
import { kinopoiskKeySpending as keySpending } from '../../db/schema/kinopoisk-budgets.ts'
import { users } from '../../db/schema/users.ts'
import type { Caller } from '../request.ts'
import type { Charge } from './charges.ts'
import { callsLeft, shareOf } from './shares.ts'
import { dayTerms, type TermsOptions } from './terms.ts'

/** What a caller may spend today: of the key where that has a limit, else of its user, else of the day. */
export interface CallerBudget {
  /** Calls; -1 is no limit. */
  limit: number
  used: number
  resetsAt: Date
}

type By = { userId?: number | undefined; keyId?: number | null | undefined }

interface Entry {
  budget: CallerBudget
  /** In ms of performance.now(). */
  readAt: number
  isReading: boolean
}

// As long as what other replicas charge may take to be seen here.
const freshMs = 5_000
// Without a limit there is nothing left to tell; one may be set.
const unlimitedMs = 60_000
const maxEntries = 10_000

export type CallerBudgets = ReturnType<typeof createCallerBudgets>

/** Budgets as they are told to callers, from memory where they are known. Whether a call is sent is decided by the ledger. */
export function createCallerBudgets(db: Db, options: TermsOptions) {
  const entries = new LRUCache<string, Entry>({ max: maxEntries })
  const nameOf = ({ userId, keyId }: By) => `${userId} ${keyId ?? ''}`

  async function read(caller: By): Promise<CallerBudget> {
    const budget = await readBudget(db, options, caller)
    entries.set(nameOf(caller), { budget, readAt: performance.now(), isReading: false })
    return budget
  }

  return {
    /** At once where it is known of this day. */
    budgetOf(caller: Pick<Caller, 'userId' | 'keyId'>): MaybePromise<CallerBudget> {
      const known = entries.get(nameOf(caller))
      if (!known || known.budget.resetsAt.getTime() <= Date.now()) return read(caller)
      const maxAgeMs = known.budget.limit < 0 ? unlimitedMs : freshMs
      if (performance.now() - known.readAt > maxAgeMs && !known.isReading) {
        known.isReading = true
        read(caller).catch(() => {
          known.isReading = false
        })
      }
      return known.budget
    },

    noteCharge(caller: By, { ofKey }: Charge): void {
      const known = entries.get(nameOf(caller))
      if (!known) return
      const { budget } = known
      known.budget = { ...budget, ...(ofKey ? { used: ofKey.spent, limit: ofKey.limit } : { used: budget.used + 1 }) }
    },

    /** After a refund. */
    drop: (caller: By): void => void entries.delete(nameOf(caller)),
    clear: (): void => entries.clear(),
  }
}

interface Row extends Record<string, unknown> {
  ends: number
  max_calls: number | null
  all_calls: number
  own_limit: number | null
  key_limit: number | null
  own_calls: number
  own_interactive: number
  key_calls: number
  share: number | null
}

async function readBudget(db: Db, options: TermsOptions, { userId = 0, keyId = null }: By): Promise<CallerBudget> {
  const { keyHash } = options
  const [row] = await db.execute<Row>(sql`
    with ${dayTerms(options)},
    day_spent as materialized (
      select coalesce(sum(interactive), 0)::integer as interactive, coalesce(sum(refresh), 0)::integer as refresh,
        coalesce(sum("import"), 0)::integer as "import", coalesce(sum(outside), 0)::integer as outside
      from ${usage} where key_hash = ${keyHash} and day = (select day from terms)
    ),
    balance as materialized (
      select terms.*, interactive + refresh + "import" + outside as all_calls, ${callsLeft('interactive', false)} as calls_left
      from terms, day_spent
    ),
    own as materialized (
      select coalesce(sum(interactive), 0)::integer as interactive, coalesce(sum("import"), 0)::integer as "import"
      from ${spending} where key_hash = ${keyHash} and day = (select day from terms) and user_id = ${userId}::integer
    )
    select (extract(epoch from ends) * 1000)::float8 as ends, max_calls, all_calls,
      (select daily_limit from ${users} where id = ${userId}::integer) as own_limit,
      (select daily_limit from ${apiKeys} where id = ${keyId}::integer) as key_limit,
      own.interactive + own.import as own_calls, own.interactive as own_interactive,
      coalesce((
        select interactive + "import" from ${keySpending}
        where key_hash = ${keyHash} and day = (select day from terms) and api_key_id = ${keyId}::integer
      ), 0) as key_calls,
      floor(${shareOf('interactive', sql`own.interactive`)})::integer as share
    from balance, own`)
  if (!row) throw new Error('a select without where has one row')
  return { ...limitOf(row), resetsAt: new Date(row.ends) }
}

function limitOf(row: Row): Pick<CallerBudget, 'limit' | 'used'> {
  const { key_limit, own_limit, own_calls, max_calls, share } = row
  if (key_limit !== null) return { limit: key_limit, used: row.key_calls }
  if (own_limit !== null && own_limit >= 0) return { limit: own_limit, used: own_calls }
  if (max_calls === null) return { limit: -1, used: own_calls }
  if (own_limit !== null || share === null) return { limit: max_calls, used: row.all_calls }
  return { limit: Math.max(share, row.own_interactive), used: row.own_interactive }
}
