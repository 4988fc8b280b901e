import { randomUUID } from 'node:crypto'
import { AppError } from '../../errors.ts'
import { type Failed, UpstreamFailure } from '../failures.ts'
import type { Meter } from '../metrics.ts'
import { type Answer, type Call, type Layer, type Question, timeLeft } from '../request.ts'
import type { LeaseRepository } from '../store/leases.ts'
import type { AnswerRepository } from '../store/responses.ts'
import { read } from './cache.ts'

interface Options {
  answers: AnswerRepository
  leases: LeaseRepository
  meter: Pick<Meter, 'joined'>
  /** How long a replica that has died keeps the others waiting; one that lives renews it. */
  leaseMs: number
}

// A notification may be lost; how long it takes to see the end without it.
const pollMs = 200

/**
 * Equal questions of all replicas at one time are asked once: by who holds the lease, while the others wait for what
 * it keeps. When upstream fails it, all who waited get that failure; when it dies or may not ask, another one asks.
 */
export function leased({ answers, leases, meter, leaseMs }: Options): Layer {
  /** What has been kept since the caller looked. */
  async function newer<T>(question: Question<T>, call: Call): Promise<Answer<T> | undefined> {
    const found = await answers.find(question.path)
    if (!found || (call.seen && found.fetchedAt <= call.seen)) return undefined
    const answer = read(question, found)
    return answer && { ...answer, via: call.seen ? 'expired' : 'miss', collapsed: true }
  }

  return (ask) => {
    async function lead<T>(question: Question<T>, call: Call, holder: string): Promise<Answer<T>> {
      const { path } = question
      const beat = setInterval(() => void leases.extend(path, holder, leaseMs).catch(() => {}), leaseMs / 3)
      try {
        const answer = (await newer(question, call)) ?? (await ask(question, call))
        if (answer.collapsed) meter.joined.inc({ endpoint: question.endpoint, scope: 'replica' })
        // It has been kept: without the database the others find it when the lease is over.
        await leases.release(path, holder).catch(() => {})
        return answer
      } catch (error) {
        // It ends by itself if the database is gone.
        await leases.release(path, holder, failureOf(error)).catch(() => {})
        throw error
      } finally {
        clearInterval(beat)
      }
    }

    return async (question, call) => {
      const holder = randomUUID()
      let leader: string | undefined
      while (timeLeft(call) > 0) {
        const row = leader === undefined ? undefined : await leases.find(question.path)
        if (row?.failure && row.holder === leader) throw shared(row.failure, row.retryAfter)
        if (!row?.held && (await leases.take(question.path, holder, leaseMs))) return lead(question, call, holder)
        leader = row?.holder ?? (await leases.find(question.path))?.holder
        await leases.untilReleased(question.path, Math.min(pollMs, timeLeft(call)))
      }
      if (leader === undefined) throw new AppError('database_unavailable')
      throw new UpstreamFailure('timeout', new Error('another replica asked, and did not end in time'))
    }
  }
}

/** Only what upstream said is worth sharing; a refusal of our own is about this replica or purpose. */
function failureOf(error: unknown) {
  if (!(error instanceof UpstreamFailure)) return undefined
  return { outcome: error.outcome, retryAfter: error.retryAfterSeconds ?? null }
}

function shared(outcome: Failed, retryAfter: number | null): UpstreamFailure {
  return new UpstreamFailure(outcome, new Error('another replica asked, and failed'), retryAfter ?? undefined)
}
