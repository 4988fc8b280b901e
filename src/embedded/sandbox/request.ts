export type Endpoint =
  | ('film' | 'list' | 'search' | 'staff' | 'votes' | 'api_key' | 'other')
  | ('seasons' | 'images' | 'similars' | 'sequels' | 'facts' | 'reviews' | 'videos')
  | ('person' | 'premieres' | 'collections')
  | ('distributions' | 'box_office' | 'awards' | 'external_sources')
  | ('filters' | 'releases' | 'persons' | 'media_posts')

/** A request understood: the endpoint it is for, the variable part of its path, its query. */
export interface SandboxRequest {
  endpoint: Endpoint
  argument: string
  query: URLSearchParams
}

const PATHS: readonly [Endpoint, RegExp][] = [
  ['premieres', /^\/api\/v2\.2\/films\/premieres$/],
  ['collections', /^\/api\/v2\.2\/films\/collections$/],
  ['filters', /^\/api\/v2\.2\/films\/filters$/],
  ['releases', /^\/api\/v2\.1\/films\/releases$/],
  ['distributions', /^\/api\/v2\.2\/films\/([^/]+)\/distributions$/],
  ['box_office', /^\/api\/v2\.2\/films\/([^/]+)\/box_office$/],
  ['awards', /^\/api\/v2\.2\/films\/([^/]+)\/awards$/],
  ['external_sources', /^\/api\/v2\.2\/films\/([^/]+)\/external_sources$/],
  ['seasons', /^\/api\/v2\.2\/films\/([^/]+)\/seasons$/],
  ['images', /^\/api\/v2\.2\/films\/([^/]+)\/images$/],
  ['similars', /^\/api\/v2\.2\/films\/([^/]+)\/similars$/],
  ['sequels', /^\/api\/v2\.1\/films\/([^/]+)\/sequels_and_prequels$/],
  ['facts', /^\/api\/v2\.2\/films\/([^/]+)\/facts$/],
  ['reviews', /^\/api\/v2\.2\/films\/([^/]+)\/reviews$/],
  ['videos', /^\/api\/v2\.2\/films\/([^/]+)\/videos$/],
  ['person', /^\/api\/v1\/staff\/([^/]+)$/],
  ['film', /^\/api\/v2\.2\/films\/([^/]+)$/],
  ['list', /^\/api\/v2\.2\/films$/],
  ['search', /^\/api\/v2\.1\/films\/search-by-keyword$/],
  ['staff', /^\/api\/v1\/staff$/],
  ['persons', /^\/api\/v1\/persons$/],
  ['media_posts', /^\/api\/v1\/media_posts$/],
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
