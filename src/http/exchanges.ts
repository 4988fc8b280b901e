import type { FastifyReply, FastifyRequest } from 'fastify'

/** The endpoint of a request: always the same object for the same address, so that results can be memoized by it. */
export interface Endpoint {
  /** `OTHER` beyond the usual seven. */
  method: string
  /** The pattern, or `unmatched`: never what the client wrote. */
  route: string
  operation: string | undefined
}

/** Memoizes by key; unbounded, so only for small key sets. */
export function memoize<K, T>(make: (key: K) => T): (key: K) => T {
  const known = new Map<K, T>()
  return (key) => {
    const found = known.get(key)
    if (found) return found
    const made = make(key)
    known.set(key, made)
    return made
  }
}

/** One request with its response, passed to listeners once, when it has ended. */
export interface Exchange {
  request: FastifyRequest
  reply: FastifyReply
  endpoint: Endpoint
  /** 499 when the client went away before the response began. */
  status: number
  seconds: number
  /** The connection was cut before the response was complete. */
  aborted: boolean
}

/** What an operation does to data or to a session. */
export type DataEvent =
  | 'create'
  | 'change'
  | 'delete'
  | 'import'
  | 'export'
  | 'register'
  | 'login'
  | 'logout'
  | 'refresh'

/** How it ended: `unchanged` where all was so already, `refused` by the client's fault, `failed` by ours, `aborted` by a cut connection. */
export type Outcome = 'ok' | 'unchanged' | 'refused' | 'failed' | 'aborted'

const verbs: Record<string, DataEvent> = {
  add: 'create',
  create: 'create',
  put: 'change',
  rename: 'change',
  update: 'change',
  delete: 'delete',
  remove: 'delete',
  import: 'import',
  export: 'export',
  register: 'register',
  login: 'login',
  logout: 'logout',
  refresh: 'refresh',
}
const byMethod: Record<string, DataEvent> = { POST: 'create', PUT: 'change', PATCH: 'change', DELETE: 'delete' }

/** By the first word of the operationId, else by the method; undefined for what only reads. */
export function dataEvent(method: string, operation: string | undefined): DataEvent | undefined {
  const [verb = ''] = /^[a-z]+/.exec(operation ?? '') ?? []
  return operation === undefined ? undefined : (verbs[verb] ?? byMethod[method])
}

export function outcomeOf(status: number, aborted: boolean): Outcome {
  if (aborted) return 'aborted'
  if (status >= 500) return 'failed'
  return status >= 400 ? 'refused' : 'ok'
}

/** The operation without the suffix of its second address. */
export function operationName(operationId: string): string {
  return operationId.replace(/Alias$/, '')
}
