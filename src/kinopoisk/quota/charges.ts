import { type SQL, sql } from 'drizzle-orm'
import { deleteInBatches } from '../../db/cleanup.ts'
import type { Db } from '../../db/connect.ts'
import { kinopoiskSpending as spending, kinopoiskUsage as usage } from '../../db/schema/kinopoisk.ts'
import { sessions } from '../../db/schema/sessions.ts'
import { users } from '../../db/schema/users.ts'
import type { CallContext, Purpose } from '../request.ts'
import { callsLeft, exceedsShare, type UserPurpose } from './shares.ts'
import { dayTerms, type TermsOptions } from './terms.ts'

/** A charged call, as its refund needs it: the caller's network is null where only the user is charged. */
export interface Charge {
  purpose: Purpose
  day: string
  userId: number | null
  network: string | null
}

/**
 * Why a call must not be sent: the key is blocked; the day leaves no call for its purpose; or none for this user, by the
 * limit that an administrator has set, by the user's share, or by that of all new accounts of the network.
 */
export type Refused = 'blocked' | 'day' | 'limit' | 'user' | 'network'

type By = Pick<CallContext, 'userId' | 'network'>

interface Verdict extends Record<string, unknown> {
  day: string
  user_id: number | null
  network: string | null
  refused: Refused | 'unopened' | null
}

interface Options extends TermsOptions {
  /** Whether refresh may spend as much as the bootstrap of popular films needs. */
  isBootstrapping?: (() => boolean) | undefined
}

const maxTries = 3

/** Charges and refunds calls. Every statement locks the day's row first, so that they wait for each other in order. */
export function createCharges(db: Db, { isBootstrapping = () => false, ...options }: Options) {
  const { keyHash } = options

  const callerRow = (caller: By) => sql`
    caller as materialized (
      select id as user_id, daily_limit as own_limit,
        case when daily_limit is null and created_at > now - interval '7 days' then ${caller.network ?? null}::text end
          as network
      from ${users}, terms where id = ${caller.userId ?? null}::integer
    )`

  /**
   * One statement. A row that another one has locked is waited for and then read as it is by then, so that concurrent
   * calls can't both be the last: what is not read `for update` is as old as the statement.
   */
  async function tryOnce(purpose: Purpose, caller: By): Promise<Verdict | undefined> {
    const column = sql.identifier(purpose)
    const [row] = await db.execute<Verdict>(sql`
      with ${dayTerms(options)}, ${callerRow(caller)},
      locked as materialized (
        select * from ${usage} where key_hash = ${keyHash} and day = (select day from terms) for update
      ),
      balance as materialized (
        select terms.*, ${callsLeft(purpose, isBootstrapping())} as calls_left from terms, locked
      ),
      spent as materialized (
        select * from ${spending}
        where key_hash = ${keyHash} and day = (select day from balance)
          and (user_id = (select user_id from caller) or network = (select network from caller))
        for update
      ),
      verdict as materialized (
        select balance.day, caller.user_id, caller.network, ${refusedBy(purpose)} as refused
        from balance left join caller on true
          left join spent as own on own.user_id = caller.user_id
          left join spent as shared on shared.network = caller.network
      ),
      charged as (
        update ${usage} set ${column} = ${usage[purpose]} + 1 from verdict
        where ${usage.key_hash} = ${keyHash} and ${usage.day} = verdict.day and verdict.refused is null
      )
      ${purpose === 'refresh' ? sql`` : spentBy(purpose)}
      select day::text, user_id, network, refused from verdict`)
    return row
  }

  const spentBy = (purpose: UserPurpose) => sql`, charged_to as (
      update ${spending} set ${sql.identifier(purpose)} = ${spending[purpose]} + 1 from verdict, spent
      where ${spending.id} = spent.id and verdict.refused is null
    )`

  /** `unopened`: a row that is to be charged is not there yet. */
  function refusedBy(purpose: Purpose): SQL {
    const ofUser = purpose === 'refresh' ? sql`` : overShare(purpose)
    return sql`case
      when blocked is not null then 'blocked'
      when calls_left <= 0 then 'day'
      when own.id is null and caller.user_id is not null or shared.id is null and caller.network is not null then 'unopened'
      when own.interactive + own.import >= own_limit and own_limit >= 0 then 'limit'
      ${ofUser} end`
  }

  /** A user who is the only one of the week has no share. */
  function overShare(purpose: UserPurpose): SQL {
    const exceeds = (row: 'own' | 'shared') => exceedsShare(purpose, sql.raw(`${row}.${purpose}`))
    // Others are those who have spent, and readers who were here: an administrator may only have looked after things.
    const callers = sql`select from ${spending} where key_hash = ${keyHash} and day > balance.day - 7
      and network is null and user_id is distinct from caller.user_id and interactive + import > 0`
    const readers = sql`select from ${sessions} join ${users} on ${users.id} = ${sessions.user_id}
      where ${users.role} = 'user' and ${users.id} <> caller.user_id
        and last_used_at > balance.now - interval '7 days'`
    return sql`
      when own_limit is not null or calls_left is null then null
      when not (coalesce(${exceeds('own')}, false) or coalesce(${exceeds('shared')}, false)) then null
      when not (exists (${callers}) or exists (${readers})) then null
      when ${exceeds('own')} then 'user' else 'network'`
  }

  /** Adds the rows that are not there yet, with nothing spent: only a row that was committed before can be locked. */
  async function open(caller: By): Promise<void> {
    await db.execute(sql`
      with ${dayTerms(options)}, ${callerRow(caller)},
      opened as (
        insert into ${usage} (key_hash, day) select ${keyHash}, day from terms on conflict do nothing
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
    async reserve(purpose: Purpose, by: By = {}): Promise<Charge | Refused> {
      const caller = purpose === 'refresh' ? {} : by
      for (let tries = 0; tries < maxTries; tries += 1) {
        const verdict = await tryOnce(purpose, caller)
        if (!verdict || verdict.refused === 'unopened') await open(caller)
        else if (verdict.refused) return verdict.refused
        else return { purpose, day: verdict.day, userId: verdict.user_id, network: verdict.network }
      }
      return 'day'
    },

    /** Refunds a call that was not sent. */
    async refund({ purpose, day, userId, network }: Charge): Promise<void> {
      const column = sql.identifier(purpose)
      const less = sql`${column} = greatest(0, ${column} - 1)`
      await db.execute(sql`
        with locked as materialized (
          select * from ${usage} where key_hash = ${keyHash} and day = ${day}::date for update
        )
        ${purpose === 'refresh' ? sql`` : refundTo(purpose, sql`user_id = ${userId} or network = ${network}`)}
        update ${usage} set ${less} where key_hash = ${keyHash} and day = (select day from locked)`)
    },

    /** Removes what no share depends on any more. */
    deleteOld: (signal?: AbortSignal) =>
      deleteInBatches(db, spending, sql`${spending.day} < (clock_timestamp() - interval '9 days')::date`, signal),
  }
}

/** What was spent by a user or a network, less one. */
function refundTo(purpose: UserPurpose, by: SQL): SQL {
  const column = sql.identifier(purpose)
  return sql`, refunded as (
    update ${spending} set ${column} = greatest(0, ${spending[purpose]} - 1) from locked
    where ${spending.key_hash} = locked.key_hash and ${spending.day} = locked.day and (${by})
  )`
}
