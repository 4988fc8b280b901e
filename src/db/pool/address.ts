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
}

/** The servers of a database's URL. `prefer` and `allow` are without TLS here: `pg` can't fall back. */
export function readAddresses(url: string): Address[] {
  const { servers, parameters, ...common } = partsOf(url)
  const ssl = readSsl(parameters.get('sslmode') ?? parameters.get('ssl'))
  return servers.map((server) => ({ ...common, ...server, ...(isSocket(server) ? {} : { ssl }) }))
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
  return mode === 'require' || mode === 'true' ? { rejectUnauthorized: false } : false
}
