import { LRUCache } from 'lru-cache'
import { type CompatibleEndpoint, type CompatibleRequest, compatibleEndpoints, type Values } from './table.ts'

const requests = new LRUCache<string, CompatibleRequest>({
  maxSize: 4 * 1024 * 1024,
  // Both texts, and their overhead.
  sizeCalculation: ({ request }, url) => 2 * url.length + 2 * request.path.length + 500,
})

const forms = compatibleEndpoints.map((endpoint) => ({
  endpoint,
  // Behind the static paths: `films/{id}` must not take `films/filters`.
  pattern: new RegExp(`^${endpoint.path.replaceAll('.', '\\.').replace('{id}', '([^/]+)')}$`),
  isStatic: !endpoint.path.includes('{'),
}))
const inTurn = [...forms.filter((form) => form.isStatic), ...forms.filter((form) => !form.isStatic)]

// Upstream had it once, and clients still ask for it: no film has such an id.
const gone = '/api/v2.2/films/top'

/**
 * What an address of upstream's own asks for; undefined where it is none. Doubled slashes, a slash at the end, the order
 * of parameters and unknown ones do not matter. Memoized by the address as it came.
 * @throws {AppError} invalid_input
 */
export function readAddress(url: string): CompatibleRequest | undefined {
  const known = requests.get(url)
  if (known) return known
  const end = `${url}?`.indexOf('?')
  const path = url
    .slice(0, end)
    .replace(/\/{2,}/g, '/')
    .replace(/(?<=.)\/$/, '')
  if (path === gone) return undefined
  for (const { endpoint, pattern } of inTurn) {
    const match = pattern.exec(path)
    if (!match) continue
    const request = endpoint.requestOf(readValues(endpoint, match[1], new URLSearchParams(url.slice(end + 1))))
    requests.set(url, request)
    return request
  }
  return undefined
}

function readValues({ parameters }: CompatibleEndpoint, id: string | undefined, query: URLSearchParams): Values {
  const values = Object.entries(parameters).map(([member, parameter]) => {
    const { name = member } = parameter
    const isInPath = name === 'id' && id !== undefined
    const text = isInPath ? id : firstOf(query, name)
    return [member, parameter.read(text, `${isInPath ? 'params' : 'query'}.${name}`)]
  })
  return Object.fromEntries(values) as Values
}

/** Of a parameter that is repeated, with or without `[]`, all values that differ: upstream has it as a list. */
function firstOf(query: URLSearchParams, name: string): string | undefined {
  const all = new Set([...query.getAll(name), ...query.getAll(`${name}[]`)])
  return all.size > 0 ? [...all].join(',') : undefined
}
