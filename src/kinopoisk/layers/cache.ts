import type { Shelf } from '../../cache/cache.ts'
import { AppError, type ErrorCode } from '../../errors.ts'
import { UpstreamFailure } from '../failures.ts'
import type { Meter } from '../metrics.ts'
import type { Answer, Call, Endpoint, Layer, Question } from '../request.ts'
import type { AnswerRepository } from '../store/responses.ts'

export interface Clock {
  now(): Date
  /** 0 ≤ x < 1, spreads the expiry of answers that came together. */
  random(): number
}

export const systemClock: Clock = { now: () => new Date(), random: Math.random }

/** What is in memory of an answer. Who makes something of its value keeps that. */
export interface KeptTimes {
  fetchedAt: Date
  expiresAt: Date
  /** Upstream's 404, an answer that says there is nothing, or one with a value that can be read again. */
  is: 'none' | 'empty' | 'some'
}

interface Options {
  /** Answers that were read lately. */
  shelf: Pick<Shelf<string, KeptTimes>, 'find'>
  clock: Clock
  meter: Pick<Meter, 'refreshes'>
  /** Takes over an asking that nobody waits for; it never rejects. */
  inBackground(work: Promise<void>): void
  /** Told of an error in the background that is none of upstream's. */
  unforeseen(error: unknown): void
}

/**
 * Answers from what is kept. An expired answer is served at once while one asking renews it (stale-while-revalidate),
 * and stays when that fails (stale-if-error, RFC 5861). Waited for is only what has never been answered, and an expired
 * "there is nothing", which may be the very thing that has changed.
 */
export function cached(answers: AnswerRepository, { shelf, clock, meter, inBackground, unforeseen }: Options): Layer {
  // Why the endpoint's last renewal failed; what a stale answer tells.
  const troubles: Partial<Record<Endpoint, ErrorCode>> = {}
  const renewing = new Set<string>()

  /** With its value where that had to be read anyway. */
  async function findKept<T>(question: Question<T>) {
    let value: T | null | undefined
    const times = await shelf.find(question.path, async () => {
      const kept = await answers.find(question.path)
      const found = kept && read(question, kept)
      if (!found) return undefined
      const { fetchedAt, expiresAt } = found
      value = found.value
      if (found.value === null) return { fetchedAt, expiresAt, is: 'none' }
      return { fetchedAt, expiresAt, is: question.isEmpty?.(found.value) ? 'empty' : 'some' }
    })
    return times && { ...times, value: times.is === 'none' ? null : value }
  }

  return (ask) => {
    async function renew<T>(question: Question<T>, call: Call): Promise<void> {
      if (renewing.has(question.path)) return
      renewing.add(question.path)
      try {
        await ask(question, call)
        delete troubles[question.endpoint]
        meter.refreshes.inc({ trigger: 'expired', outcome: 'ok' })
      } catch (error) {
        if (error instanceof AppError) troubles[question.endpoint] = error.code
        else unforeseen(error)
        const outcome = error instanceof UpstreamFailure ? 'failed' : 'refused'
        meter.refreshes.inc({ trigger: 'expired', outcome })
      } finally {
        renewing.delete(question.path)
      }
    }

    return async (question, call) => {
      const found = await findKept(question)
      if (!found) return ask(question, call)
      const { is, ...old } = found
      if (old.expiresAt > clock.now()) return { ...old, via: 'hit' }
      const behind = { ...call, seen: old.fetchedAt }
      if (is !== 'some') {
        return ask(question, behind).catch((error) => {
          if (error instanceof AppError) return { ...old, via: 'stale', reason: error.code }
          throw error
        })
      }
      inBackground(renew(question, { ...behind, purpose: 'refresh' }))
      return { ...old, via: 'stale', reason: troubles[question.endpoint] ?? 'refreshing' }
    }
  }
}

/** Keeps every answer, for the time that its question says, a tenth more or less. */
export function kept(answers: Pick<AnswerRepository, 'save'>, clock: Clock): Layer {
  return (ask) => async (question, call) => {
    const answer = await ask(question, call)
    const jitter = 0.9 + 0.2 * clock.random()
    const expiresAt = new Date(answer.fetchedAt.getTime() + question.ttlSeconds(answer.value ?? null) * 1000 * jitter)
    await answers.save(question.path, { text: answer.text ?? null, fetchedAt: answer.fetchedAt, expiresAt })
    return { ...answer, expiresAt, via: call.seen ? 'expired' : 'miss' }
  }
}

type Kept = { text: string | null; fetchedAt: Date; expiresAt: Date }

/** What is kept as an answer; undefined for one that an older version of this service kept and this one can't read. */
export function read<T>(question: Question<T>, { text, ...times }: Kept) {
  const value: unknown = text === null ? null : JSON.parse(text)
  if (value !== null && !question.accepts(value)) return undefined
  return { value, ...times } satisfies Omit<Answer<T>, 'via'>
}
