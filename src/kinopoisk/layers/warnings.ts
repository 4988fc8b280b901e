import { createLogThrottle } from '../../log-throttle.ts'
import { UpstreamFailure } from '../failures.ts'
import type { Layer, UpstreamRequest } from '../request.ts'

/** Logs fields with a message, where a throttle for the kind lets one pass. */
export type WarnOnce = (kind: string, fields: object, message: string) => void

const everyMs = 10_000

export function createWarnOnce(warn: (fields: object, message: string) => void): WarnOnce {
  const throttle = createLogThrottle(everyMs)
  return (kind, fields, message) => {
    const repeated = throttle(kind)
    if (repeated !== undefined) warn({ ...fields, ...(repeated > 0 && { repeated }) }, message)
  }
}

/** A line for the failures of calls: of each endpoint and outcome at most one in a while, never with what was sent. */
export function warned(warnOnce: WarnOnce): Layer {
  return (fetch) => async (request, context) => {
    try {
      return await fetch(request, context)
    } catch (error) {
      if (error instanceof UpstreamFailure) {
        const { endpoint } = request
        const { outcome, cause } = error
        const reason = cause instanceof Error ? cause.message : undefined
        const fields = { endpoint, outcome, request: nameOf(request), reason }
        warnOnce(`${endpoint} ${outcome}`, fields, 'a call of Kinopoisk failed')
      }
      throw error
    }
  }
}

/** The path, without what a user has typed and without the key, which is in the path of its account. */
function nameOf({ endpoint, path }: UpstreamRequest<unknown>): string | undefined {
  if (endpoint === 'account') return undefined
  return path.replace(/\b(keyword|name)=[^&]*&?/, '')
}
