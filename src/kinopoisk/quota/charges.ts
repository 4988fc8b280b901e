import { type SQL, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { apiKeys } from '../../db/schema/api-keys.ts'
import { kinopoiskSpending as spending, kinopoiskUsage as usage } from '../../db/schema/kinopoisk.ts'
import {
  kinopoiskEndpointCalls as endpointCalls,
  kinopoiskKeySpending as keySpending,
  kinopoiskReservations as reservations,
} from '../../db/schema/kinopoisk-budgets.ts'
import { users } from '../../db/schema/users.ts'
import type { CallContext, Endpoint, Purpose } from '../request.ts'
import { holdFor } from './reservations.ts'
import { callsLeft, overShare, type UserPurpose } from './shares.ts'
import { dayTerms, type TermsOptions } from './terms.ts'

/** A charged call. */
export interface Charge {
  reservation: number
  /** What its key has spent with it, and may spend; null without a key, or where the key has no limit. */
  ofKey: { spent: number; limit: number } | null
}

/**
 * Why a call must not be sent: the key is blocked; the day leaves no call for its purpose; or none for this caller, by the
 * limit of the personal key, by the limit that an administrator has set for the user, by the user's share, or by that of
 * all new accounts of the network.
 */
export type Refused = 'blocked' | 'day' | 'key' | 'limit' | 'user' | 'network'

type By = Pick<CallContext, 'userId' | 'keyId' | 'network'>

interface Verdict extends Record<string, unknown> {
  refused: Refused | 'unopened' | null
  reservation: number | null
  key_limit: number | null
  key_calls: number | null
}

interface Options extends TermsOptions {
  /** Of this process: whose reservations it extends. */
  holder: string
  /** Whether refresh may spend as much as the bootstrap of popular films needs. */
  isBootstrapping?: (() => boolean) | undefined
}

const maxTries = 3

/** Charges calls. Every statement locks the day's row first, so that they wait for each other in order. */
export function createCharges(db: Db, { isBootstrapping = () => false, holder, ...options }: Options) {
  const { keyHash } = options

  const callerRow = (caller: By) => sql`
    caller as materialized (
      select ${users.id} as user_id, ${users.daily_limit} as own_limit,
        case when ${users.daily_limit} is null and ${users.created_at} > now - interval '7 days'
          then ${caller.network ?? null}::text end as network,
        ${apiKeys.id} as api_key_id, ${apiKeys.daily_limit} as key_limit
      from terms, ${users} left join ${apiKeys}
        on ${apiKeys.id} = ${caller.keyId ?? null}::integer and ${apiKeys.user_id} = ${users.id}
      where ${users.id} = ${caller.userId ?? null}::integer
    )`

  /**
   * The row `verdict`. A row that another statement has locked is waited for and then read as it is by then, so that
   * concurrent calls can't both be the last: what is not read `for update` is as old as the statement.
   */
  const verdictOn = (purpose: Purpose, caller: By, lock: SQL) => sql`
    ${dayTerms(options)}, ${callerRow(caller)},
    locked as materialized (
      select * from ${usage} where key_hash = ${keyHash} and day = (select day from terms) ${lock}
    ),
    balance as materialized (
      select terms.*, ${callsLeft(purpose, isBootstrapping())} as calls_left from terms, locked
    ),
    spent as materialized (
      select * from ${spending}
      where key_hash = ${keyHash} and day = (select day from balance)
        and (user_id = (select user_id from caller) or network = (select network from caller))
      ${lock}
    ),
    key_spent as materialized (
      select * from ${keySpending}
      where key_hash = ${keyHash} and day = (select day from balance) and api_key_id = (select api_key_id from caller)
      ${lock}
    ),
    verdict as materialized (
      select balance.day, caller.*, key_spent.interactive + key_spent.import as key_calls, ${refusedBy(purpose)} as refused
      from balance left join caller on true
        left join spent as own on own.user_id = caller.user_id
        left join spent as shared on shared.network = caller.network
        left join key_spent on true
    )`

  /** `unopened`: a row that is to be charged is not there yet. */
  function refusedBy(purpose: Purpose): SQL {
    const ofUser = purpose === 'refresh' ? sql`` : overShare(purpose, keyHash)
    return sql`case
      when blocked is not null then 'blocked'
      when calls_left <= 0 then 'day'
      when own.id is null and caller.user_id is not null or shared.id is null and caller.network is not null
        or key_spent.api_key_id is null and caller.api_key_id is not null then 'unopened'
      when key_spent.interactive + key_spent.import >= key_limit then 'key'
      when own.interactive + own.import >= own_limit and own_limit >= 0 then 'limit'
      ${ofUser} end`
  }

  /** One statement. */
  async function tryOnce(purpose: Purpose, endpoint: Endpoint, caller: By): Promise<Verdict | undefined> {
    const one = sql`${sql.identifier(purpose)} = ${usage[purpose]} + 1`
    const [row] = await db.execute<Verdict>(sql`
      with ${verdictOn(purpose, caller, sql`for update`)},
      charged as (
        update ${usage} set ${one} from verdict
        where ${usage.key_hash} = ${keyHash} and ${usage.day} = verdict.day and verdict.refused is null
      ),
      charged_endpoint as (
        insert into ${endpointCalls} (day, key_hash, endpoint, calls)
        select day, ${keyHash}::text, ${endpoint}::text, 1 from verdict where refused is null
        on conflict (day, key_hash, endpoint) do update set calls = ${endpointCalls.calls} + 1
      ),
      ${purpose === 'refresh' ? sql`` : chargedCaller(purpose)}
      reserved as (
        insert into ${reservations} (key_hash, day, purpose, endpoint, user_id, network, api_key_id, holder, expires_at)
        select ${keyHash}::text, day, ${purpose}::text, ${endpoint}::text, user_id, network, api_key_id,
          ${holder}::uuid, ${holdFor} from verdict where refused is null
        returning id
      )
      select refused, (select id::float8 from reserved) as reservation, key_limit, key_calls from verdict`)
    return row
  }

  const chargedCaller = (purpose: UserPurpose) => sql`charged_caller as (
      update ${spending} set ${sql.identifier(purpose)} = ${spending[purpose]} + 1 from verdict, spent
      where ${spending.id} = spent.id and verdict.refused is null
    ),
    charged_key as (
      update ${keySpending} set ${sql.identifier(purpose)} = ${keySpending[purpose]} + 1 from verdict
      where ${keySpending.key_hash} = ${keyHash} and ${keySpending.day} = verdict.day
        and ${keySpending.api_key_id} = verdict.api_key_id and verdict.refused is null
    ),`

  /** Adds the rows that are not there yet, with nothing spent: only a row that was committed before can be locked. */
  async function open(caller: By): Promise<void> {
    await db.execute(sql`
      with ${dayTerms(options)}, ${callerRow(caller)},
      opened as (
        insert into ${usage} (key_hash, day) select ${keyHash}, day from terms on conflict do nothing
      ),
      opened_key as (
        insert into ${keySpending} (api_key_id, day, key_hash)
        select api_key_id, day, ${keyHash}::text from terms, caller where api_key_id is not null
        on conflict do nothing
      ),
      existing as materialized (select id from ${users} where id = (select user_id from caller) for key share)
      insert into ${spending} (key_hash, day, user_id, network)
      select ${keyHash}::text, day, id, null from terms, existing
      union all
      select ${keyHash}::text, day, null, network from terms, caller where network is not null
      on conflict do nothing`)
  }

  return {
    /** Charges a call to the day's quota, and to what its caller may spend of it; or says why it must not be sent. */
    async reserve(purpose: Purpose, endpoint: Endpoint, by: By = {}): Promise<Charge | Refused> {
      const caller = purpose === 'refresh' ? {} : by
      for (let tries = 0; tries < maxTries; tries += 1) {
        const verdict = await tryOnce(purpose, endpoint, caller)
        if (!verdict || verdict.refused === 'unopened') await open(caller)
        else if (verdict.refused) return verdict.refused
        else return chargeOf(verdict)
      }
      return 'day'
    },

    /** Why a call would be refused now; nothing is charged, and nobody waits for it. */
    async check(purpose: Purpose, by: By): Promise<Refused | null> {
      const [row] = await db.execute<{ refused: Verdict['refused'] }>(sql`
        with ${verdictOn(purpose, purpose === 'refresh' ? {} : by, sql``)} select refused from verdict`)
      return row?.refused === 'unopened' ? null : (row?.refused ?? null)
    },
  }
}

function chargeOf({ reservation, key_limit, key_calls }: Verdict): Charge {
  const ofKey = key_limit === null || key_calls === null ? null : { spent: key_calls + 1, limit: key_limit }
  return { reservation: reservation ?? 0, ofKey }
}
