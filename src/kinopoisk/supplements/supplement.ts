import type { Parameter } from '../parameters.ts'
import { type DataEndpoint, pathForms, pathOf } from '../path-forms.ts'
import type { Reader } from '../reader.ts'
import type { UpstreamRequest } from '../request.ts'

/** One endpoint beside details: what its path, schema and freshness are, and what comes of its response. */
export interface Supplement<Q, T extends object, R extends object> {
  endpoint: DataEndpoint
  /** For people. */
  summary: string
  /** Of upstream's own path and query, in their order. */
  parameters: { [K in keyof Q]: Parameter<Q[K]> }
  /** Where a query is not simply what upstream's path and query have. */
  path?(query: Q): string
  read: Reader<T>
  normalise(value: T, query: Q): R
  /** How long a response is fresh that has something; one without anything is for a day. */
  ttlSeconds(result: R, query: Q): number
  maxBytes?: number
  discover?: UpstreamRequest<T>['discover']
}

export const mebibyte = 1024 * 1024
const day = 86_400

// For the types: Q, T and R are inferred for each row.
export const supplement = <Q, T extends object, R extends object>(row: Supplement<Q, T, R>) => row

/** The request of a row with a query, and what comes of its response. */
export function requestOf<Q extends object, R extends object>(row: Supplement<Q, object, R>, query: Q) {
  const { endpoint, parameters, read, normalise, ttlSeconds, maxBytes = mebibyte, discover } = row
  const { path = (values: Q) => pathOf(endpoint, inOrder(parameters, values)) } = row
  const resultOf = (value: object) => normalise(value, query)
  const request: UpstreamRequest<object> = {
    endpoint,
    path: path(query),
    ...filmOf(endpoint, query),
    maxBytes,
    read(value, onOdd) {
      const found = read(value, onOdd)
      if (!found || isOfAnother(found, query)) return undefined
      // Rows of which none can be used are not the same as none.
      return hasRows(found) && isEmpty(resultOf(found)) ? undefined : found
    },
    ttlSeconds(value) {
      const result = value && resultOf(value)
      return result === null || isEmpty(result) ? day : ttlSeconds(result, query)
    },
    isEmpty: (value) => isEmpty(resultOf(value)),
    ...(discover && { discover }),
  }
  return { request, resultOf }
}

/** Whatever the order of the client: equal queries are one request. */
function inOrder(parameters: object, query: object) {
  const names = Object.keys(parameters)
  return Object.fromEntries(names.map((name) => [name, query[name as keyof typeof query] as string | number]))
}

/** An id is that of a film, or of a person. */
function filmOf(endpoint: DataEndpoint, query: object): { filmId?: number } {
  const isOfFilm = endpoint === 'staff' || pathForms[endpoint].includes('/films/{id}')
  return isOfFilm && 'id' in query ? { filmId: Number(query.id) } : {}
}

/** A person who was merged with another comes with the other's id. */
function isOfAnother(value: object, query: object): boolean {
  return 'personId' in value && 'id' in query && value.personId !== query.id
}

function isEmpty(result: object): boolean {
  return 'items' in result && Array.isArray(result.items) && result.items.length === 0
}

function hasRows(value: object): boolean {
  return 'rows' in value && Array.isArray(value.rows) && value.rows.length > 0
}
