/** A `postgres://` URL in its parts, decoded. */
export interface PostgresUrl {
  /** In their order. A `host` that begins with `/` is the directory of a Unix socket. */
  servers: { host: string; port: number }[]
  database: string
  user?: string
  password?: string
  /** All but `host`. */
  parameters: URLSearchParams
}

/** Undefined for what is none. Several hosts `a,b:5433` are as good as one, and so is `?host=/dir` for a Unix socket. */
export function readPostgresUrl(text: string): PostgresUrl | undefined {
  const urls = urlsOfHosts(text).map((url) => URL.parse(url))
  const [first] = urls
  if (!first || !urls.every((url) => url !== null)) return undefined
  try {
    return read(first, urls)
  } catch {
    return undefined // a `%` that encodes nothing
  }
}

/** A URL for each of the hosts: for WHATWG several are none. */
export function urlsOfHosts(text: string): string[] {
  const [, start = '', hosts = '', end = ''] =
    /^(postgres(?:ql)?:\/\/(?:[^/\s]*@)?)([^@/\s]*)(\/[^\s]+)$/.exec(text) ?? []
  return hosts.split(',').map((host) => `${start}${host}${end}`)
}

function read(first: URL, urls: URL[]): PostgresUrl {
  const { username, password, pathname, searchParams } = first
  const directory = searchParams.get('host')
  searchParams.delete('host')
  return {
    servers: directory?.startsWith('/') ? [{ ...serverOf(first), host: directory }] : urls.map(serverOf),
    database: decodeURIComponent(pathname.slice(1)),
    ...(username && { user: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
    parameters: searchParams,
  }
}

function serverOf({ hostname, port }: URL): { host: string; port: number } {
  return { host: decodeURIComponent(hostname.replace(/^\[|\]$/g, '')) || 'localhost', port: Number(port || 5432) }
}
