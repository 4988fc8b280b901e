import { sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import {
  kinopoiskEndpointResults as byEndpoint,
  kinopoiskUserResults as byUser,
} from '../../db/schema/kinopoisk-budgets.ts'
import { users } from '../../db/schema/users.ts'
import type { Caller, Endpoint } from '../request.ts'
import { dayTerms, type TermsOptions } from './terms.ts'

/** How a request to the gateway ended, as far as its caller's figures go. */
export const resultKinds = ['hits', 'stale', 'fetched', 'refused', 'failed'] as const
export type ResultKind = (typeof resultKinds)[number]
type Counts = Record<ResultKind, number>

interface Row extends Counts {
  user_id: number | null
  /** 0: an access token. */
  api_key_id: number
  endpoint: Endpoint
}

// Beyond so many users, keys and endpoints in one second, or in an outage of the database, only the totals are counted.
const maxRows = 20_000
const rowsAtOnce = 1_000

/** Counts results in memory, and writes what came together: a hit costs no statement. */
export function createResults(db: Db, options: TermsOptions) {
  let rows = new Map<string, Row>()
  let writing: Promise<void> | undefined

  function note(endpoint: Endpoint, kind: ResultKind, caller?: Pick<Caller, 'userId' | 'keyId'>): void {
    const name = caller && `${caller.userId} ${caller.keyId ?? 0} ${endpoint}`
    const own = name === undefined ? undefined : rows.get(name)
    if (own) own[kind] += 1
    else if (caller && name && rows.size < maxRows) {
      add(name, { ...none(), user_id: caller.userId, api_key_id: caller.keyId ?? 0, endpoint, [kind]: 1 })
    } else add(` ${endpoint}`, { ...none(), user_id: null, api_key_id: 0, endpoint, [kind]: 1 })
  }

  function add(name: string, row: Row): void {
    const known = rows.get(name)
    if (!known) rows.set(name, row)
    else for (const kind of resultKinds) known[kind] += row[kind]
  }

  /** What could not be written is written the next time. */
  async function writeAll(): Promise<void> {
    const taken = [...rows]
    rows = new Map()
    for (let i = 0; i < taken.length; i += rowsAtOnce) {
      const some = taken.slice(i, i + rowsAtOnce).map(([, row]) => row)
      await write(db, options, some).catch((error) => {
        for (const [name, row] of taken.slice(i)) add(name, row)
        throw error
      })
    }
  }

  return {
    note,
    /** Rejects when the database can't be reached. */
    write(): Promise<void> {
      writing ??= writeAll().finally(() => {
        writing = undefined
      })
      return writing
    },
  }
}

const none = (): Counts => ({ hits: 0, stale: 0, fetched: 0, refused: 0, failed: 0 })

const sums = sql.join(
  resultKinds.map((kind) => sql`sum(${sql.identifier(kind)})::bigint`),
  sql`, `,
)
const columns = sql.join(
  resultKinds.map((kind) => sql.identifier(kind)),
  sql`, `,
)
const added = (table: typeof byUser | typeof byEndpoint) =>
  sql.join(
    resultKinds.map(
      (kind) => sql`${sql.identifier(kind)} = ${table}.${sql.identifier(kind)} + excluded.${sql.identifier(kind)}`,
    ),
    sql`, `,
  )

/** Locks in one order, users first, so that neither other replicas nor the end of an account can be in a deadlock with it. */
async function write(db: Db, options: TermsOptions, rows: Row[]): Promise<void> {
  await db.execute(sql`
    with ${dayTerms(options)},
    counted as materialized (
      select * from json_to_recordset(${JSON.stringify(rows)}::json) as counted(
        user_id integer, api_key_id integer, endpoint text,
        hits bigint, stale bigint, fetched bigint, refused bigint, failed bigint
      )
    ),
    existing as materialized (
      select id from ${users} where id in (select user_id from counted) order by id for key share
    ),
    of_users as (
      insert into ${byUser} (user_id, day, api_key_id, endpoint, ${columns})
      select user_id, day, api_key_id, endpoint, ${columns}
      from terms, counted join existing on existing.id = user_id
      order by user_id, api_key_id, endpoint
      on conflict (user_id, day, api_key_id, endpoint) do update set ${added(byUser)}
    )
    insert into ${byEndpoint} (day, endpoint, ${columns})
    select day, endpoint, ${sums} from terms, counted group by day, endpoint order by endpoint
    on conflict (day, endpoint) do update set ${added(byEndpoint)}`)
}
