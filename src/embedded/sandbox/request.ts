export type Endpoint = 'film' | 'list' | 'search' | 'staff' | 'votes' | 'api_key' | 'other'

/** A request understood: the endpoint it is for, the variable part of its path, its query. */
export interface SandboxRequest {
  endpoint: Endpoint
  argument: string
  query: URLSearchParams
}

const PATHS: readonly [Endpoint, RegExp][] = [
  ['film', /^\/api\/v2\.2\/films\/([^/]+)$/],
  ['list', /^\/api\/v2\.2\/films$/],
  ['search', /^\/api\/v2\.1\/films\/search-by-keyword$/],
  ['staff', /^\/api\/v1\/staff$/],
  ['votes', /^\/api\/v1\/kp_users\/([^/]+)\/votes$/],
  ['api_key', /^\/api\/v1\/api_keys\/([^/]+)$/],
]

export function readRequest(method: string, target: string): SandboxRequest {
  const end = `${target}?`.indexOf('?')
  const path = target.slice(0, end)
  const query = new URLSearchParams(target.slice(end + 1))
  for (const [endpoint, pattern] of method === 'GET' ? PATHS : []) {
    const match = pattern.exec(path)
    if (match !== null) return { endpoint, argument: match[1] ?? '', query }
  }
  return { endpoint: 'other', argument: '', query }
}
