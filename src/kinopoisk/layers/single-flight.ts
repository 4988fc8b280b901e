import type { Meter } from '../metrics.ts'
import type { Answer, Layer } from '../request.ts'

/** Equal questions of one process at one time are asked once; a failure is shared by those who waited, and forgotten. */
export function joined(meter: Pick<Meter, 'joined'>): Layer {
  return (ask) => {
    const flights = new Map<string, Promise<Answer<unknown>>>()
    return async (question, call) => {
      // What one purpose's share of the quota can't pay, another's may.
      const key = `${call.purpose} ${question.path}`
      const flight = flights.get(key)
      if (!flight) {
        const own = ask(question, call)
        flights.set(key, own)
        return own.finally(() => flights.delete(key))
      }
      meter.joined.inc({ endpoint: question.endpoint, scope: 'process' })
      // The same path is the same question, so its answer is of the same type.
      return { ...((await flight) as Answer<never>), collapsed: true }
    }
  }
}
