import type { Circuits } from './layers/circuit-breakers.ts'
import { type Meter, type Result, results } from './metrics.ts'
import type { Usage } from './quota/usage.ts'
import type { Endpoint } from './request.ts'
import type { AnswerRepository } from './store/responses.ts'

type AskedEndpoint = Exclude<Endpoint, 'account'>
export type GatewayStatus = Awaited<ReturnType<ReturnType<typeof createStatus>>>

interface Options {
  sandbox: boolean
  usage(): Promise<Usage>
  circuits: Circuits
  answers: AnswerRepository
  meter: Pick<Meter, 'results'>
  now(): Date
}

/** What an operator wants to know: of the key and what is kept for all replicas, of circuits and counts for this one. */
export function createStatus({ sandbox, usage, circuits, answers, meter, now }: Options) {
  return async () => {
    const [{ limit, spent, left, resetsAt, checkedAt, blocked }, kept] = await Promise.all([
      usage(),
      answers.count(now()),
    ])
    return {
      sandbox,
      quota: { limit, spent, left, resets_at: resetsAt, checked_at: checkedAt },
      blocked,
      circuits: circuits.states(),
      kept,
      answered: await answered(meter),
    }
  }
}

async function answered(meter: Pick<Meter, 'results'>) {
  const { values } = await meter.results.get()
  const of = (endpoint: AskedEndpoint) => {
    const count = (result: Result) =>
      values.find(({ labels }) => labels.endpoint === endpoint && labels.result === result)?.value ?? 0
    const counts = Object.fromEntries(results.map((result) => [result, count(result)])) as Record<Result, number>
    const { hit, negative, stale, miss, error } = counts
    const all = hit + negative + stale + miss + error
    return { ...counts, hit_ratio: all === 0 ? null : (hit + negative + stale) / all }
  }
  return { film: of('film'), search: of('search'), staff: of('staff'), votes: of('votes') }
}
