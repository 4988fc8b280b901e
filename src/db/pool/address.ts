import type { ConnectionOptions } from 'node:tls'

/** Where one server of a database URL is, in the form that `pg` takes. */
export interface Address {
  host: string
  port: number
  database: string
  user?: string
  password?: string
  ssl?: ConnectionOptions | false
}

/**
 * The servers of a `postgres://` URL, in its order, by the rules of db/connect.ts: several hosts `a,b:5433`, `?host=/dir`
 * for a Unix socket, `sslmode` (`prefer` and `allow` are without TLS here: `pg` can't fall back).
 */
export function readAddresses(url: string): Address[] {
  const [, user, password, hosts = '', database = '', query] =
    /^postgres(?:ql)?:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/.exec(url) ?? []
  const parameters = new URLSearchParams(query)
  const common = {
    database: decodeURIComponent(database),
    ...(user && { user: decodeURIComponent(user) }),
    ...(password && { password: decodeURIComponent(password) }),
  }
  const socket = parameters.get('host')
  const [first = ''] = hosts.split(',')
  if (socket?.startsWith('/')) return [{ ...common, host: socket, port: readHost(first).port }]
  const ssl = readSsl(parameters.get('sslmode') ?? parameters.get('ssl'))
  return hosts.split(',').map((host) => ({ ...common, ...readHost(host), ssl }))
}

function readHost(text: string): { host: string; port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? []
  return { host: decodeURIComponent(bracketed ?? plain ?? '') || 'localhost', port: Number(port ?? 5432) }
}

function readSsl(mode: string | null): ConnectionOptions | false {
  if (mode === 'verify-full' || mode === 'verify-ca') return {}
  return mode === 'require' || mode === 'true' ? { rejectUnauthorized: false } : false
}
