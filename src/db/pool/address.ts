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

/** The servers of a database's URL. */
export function readAddresses(url: string): Address[] {
  const { servers, parameters, ...common } = partsOf(url)
  const mode = parameters.get('sslmode') ?? parameters.get('ssl')
  const security = { ssl: readSsl(mode), isSslOptional: isOptional(mode) }
  return servers.map((server) => ({ ...common, ...server, ...(isSocket(server) ? {} : security) }))
}

/** Of a URL that the configuration has checked. */
export function partsOf(url: string): PostgresUrl {
  const parts = readPostgresUrl(url)
  if (!parts) throw new Error('The URL of the database cannot be read')
  return parts
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
