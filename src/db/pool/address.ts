import type { ConnectionOptions } from 'node:tls'
import { type PostgresUrl, readPostgresUrl } from '../../text/postgres-url.ts'

/** Where one server of a database URL is, in the form that `pg` takes. */
export interface Address {
  host: string
  port: number
  database: string
  user?: string
  password?: string
  ssl?: ConnectionOptions | false
  /** `pg` does not go on without TLS by itself. */
  isSslOptional?: boolean
}

/** What stands between the service and PostgreSQL: see db/pooler.ts. */
export type Pooler = 'session' | 'transaction'

/** The parts of a database's URL, and the parameters in it that are ours. */
export interface DatabaseUrl extends PostgresUrl {
  /** Absent where the connection is one of PostgreSQL's own. */
  pooler?: Pooler
  /** False where statements must have no names. */
  prepares: boolean
}

/** The servers of a database's URL. */
export function readAddresses(url: string): Address[] {
  const { servers, parameters, pooler: _pooler, prepares: _prepares, ...common } = partsOf(url)
  const mode = parameters.get('sslmode') ?? parameters.get('ssl')
  const security = { ssl: readSsl(mode), isSslOptional: isOptional(mode) }
  return servers.map((server) => ({ ...common, ...server, ...(isSocket(server) ? {} : security) }))
}

/** Of a URL that the configuration has checked. */
export function partsOf(url: string): DatabaseUrl {
  const parts = readPostgresUrl(url)
  if (!parts) throw new Error('The URL of the database cannot be read')
  const { parameters } = parts
  const take = (name: string) => {
    const value = parameters.get(name)
    parameters.delete(name)
    return value
  }
  // `pgbouncer=true` is what Prisma calls it, and so what hosts of PostgreSQL print.
  const isPgBouncer = take('pgbouncer') === 'true'
  const pooler = take('pooler') ?? (isPgBouncer ? 'transaction' : undefined)
  const prepares = take('prepare') !== 'false'
  return { ...parts, ...(isPooler(pooler) && { pooler }), prepares: prepares && !isPgBouncer }
}

/** The same URL, with what has been found out about what stands before the database. */
export function withPooler(
  url: string,
  { pooler, prepares }: { pooler?: Pooler | undefined; prepares: boolean },
): string {
  const added = [pooler && `pooler=${pooler}`, !prepares && 'prepare=false'].filter(Boolean).join('&')
  return added ? `${url}${url.includes('?') ? '&' : '?'}${added}` : url
}

/** The URL of a standby, for what the primary is spoken to as; what its own says itself comes first. */
export function likeThat(url: string, primaryUrl: string): string {
  const own = partsOf(url)
  const { pooler, prepares } = partsOf(primaryUrl)
  return own.pooler ? url : withPooler(url, { pooler, prepares })
}

function isPooler(value: string | undefined): value is Pooler {
  return value === 'session' || value === 'transaction'
}

export function isSocket({ host }: { host: string }): boolean {
  return host.startsWith('/')
}

function readSsl(mode: string | null): ConnectionOptions | false {
  if (mode === 'verify-full' || mode === 'verify-ca') return {}
  return mode === 'require' || mode === 'true' || isOptional(mode) ? { rejectUnauthorized: false } : false
}

function isOptional(mode: string | null): boolean {
  return mode === 'prefer' || mode === 'allow'
}
