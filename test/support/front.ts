export interface Answer<T = unknown> {
  status: number
  headers: Headers
  /** Null where there is no body. */
  body: T
}

export interface Front {
  /** What the browser keeps: `access` and `refresh`. */
  localStorage: Map<string, string>
  get<T>(path: string): Promise<Answer<T>>
  /** Renews an expired access token and asks again, as the front does. */
  call<T>(method: string, path: string, body?: object): Promise<Answer<T>>
  /** What went over the wire, preflights too: `OPTIONS /user/ 204`. */
  wire: string[]
}

/**
 * The browser front as it talks to us: from another origin, with a preflight wherever a browser makes one, and always
 * with an Authorization, be it `Bearer undefined`.
 */
export function openFront(base: string, origin: string): Front {
  const localStorage = new Map<string, string>()
  const wire: string[] = []

  async function send<T>(method: string, path: string, body?: object): Promise<Answer<T>> {
    const headers: Record<string, string> = { authorization: `Bearer ${localStorage.get('access')}` }
    if (body) headers['content-type'] = 'application/json'
    await preflight(method, path, Object.keys(headers))
    const response = await fetch(base + path, {
      method,
      headers: { ...headers, origin },
      ...(body && { body: JSON.stringify(body) }),
      redirect: 'error',
    })
    wire.push(`${method} ${path} ${response.status}`)
    mayRead(response, origin)
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: (text ? JSON.parse(text) : null) as T }
  }

  async function preflight(method: string, path: string, names: string[]): Promise<void> {
    const asked = {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': names.toSorted().join(','),
    }
    const response = await fetch(base + path, { method: 'OPTIONS', headers: asked, redirect: 'error' })
    wire.push(`OPTIONS ${path} ${response.status}`)
    mayRead(response, origin)
    const allowed = (what: string) => listOf(response.headers.get(`access-control-allow-${what}`))
    const missing = names.filter((name) => !allowed('headers').includes(name))
    if (!response.ok || missing.length > 0 || !allowed('methods').includes(method.toLowerCase())) {
      throw new TypeError(`Failed to fetch: the preflight of ${method} ${path} does not allow it`)
    }
  }

  async function call<T>(method: string, path: string, body?: object): Promise<Answer<T>> {
    const answer = await send<T>(method, path, body)
    const pair = { access_token: localStorage.get('access'), refresh_token: localStorage.get('refresh') }
    if (answer.status !== 401 || !pair.refresh_token) return answer
    const renewed = await send<Tokens>('PUT', '/auth/login', pair)
    if (renewed.status !== 200) {
      localStorage.clear()
      return answer
    }
    keep(localStorage, renewed.body)
    return send<T>(method, path, body)
  }

  return { localStorage, wire, call, get: (path) => call('GET', path) }
}

export interface Tokens {
  access_token: string
  refresh_token: string
}

export function keep(localStorage: Map<string, string>, tokens: Tokens): void {
  localStorage.set('access', tokens.access_token)
  localStorage.set('refresh', tokens.refresh_token)
}

function mayRead({ url, headers }: Response, origin: string): void {
  if (headers.get('access-control-allow-origin') === origin) return
  throw new TypeError(`Failed to fetch: ${url} does not let ${origin} read the answer`)
}

function listOf(header: string | null): string[] {
  return (header ?? '').toLowerCase().split(/\s*,\s*/)
}
