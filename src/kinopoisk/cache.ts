import type { Shelf } from '../db/memory.ts'
import { AppError, type ErrorCode } from '../errors.ts'
import type { AnswerRepository } from './answers.ts'
import { UpstreamFailure } from './failures.ts'
import type { Meter } from './meter.ts'
import type { Answer, Call, Endpoint, Layer, Question } from './question.ts'

export interface Clock {
  now(): Date
  /** 0 ≤ x < 1, spreads the expiry of answers that came together. */
  random(): number
}

export const systemClock: Clock = { now: () => new Date(), random: Math.random }

/** What is kept of a question's answer, checked. */
export type KeptAnswer = Omit<Answer<unknown>, 'via'> & { expiresAt: Date }

interface Options {
  /** Answers that were read lately, in memory. */
  shelf: Pick<Shelf<string, KeptAnswer>, 'find'>
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

  /** Under a path is what `read` has accepted as this question's. */
  async function findKept<T>(question: Question<T>) {
    const found = await shelf.find(question.path, async () => {
      const kept = await answers.find(question.path)
      return kept && read(question, kept)
    })
    return found as (KeptAnswer & { value: T | null }) | undefined
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
      const old = await findKept(question)
      if (!old) return ask(question, call)
      if (old.expiresAt > clock.now()) return { ...old, via: 'hit' }
      const behind = { ...call, seen: old.fetchedAt }
      if (old.value === null || question.isEmpty?.(old.value)) {
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
    const expiresAt = new Date(answer.fetchedAt.getTime() + question.ttlSeconds(answer.value) * 1000 * jitter)
    await answers.save(question.path, { ...answer, expiresAt })
    return { ...answer, expiresAt, via: call.seen ? 'expired' : 'miss' }
  }
}

type Kept = Pick<Answer<unknown>, 'text' | 'fetchedAt'> & { expiresAt: Date }

/** What is kept as an answer; undefined for one that an older version of this service kept and this one can't read. */
export function read<T>(question: Question<T>, { text, fetchedAt, expiresAt }: Kept) {
  const value: unknown = text === null ? null : JSON.parse(text)
  if (value !== null && !question.accepts(value)) return undefined
  return { value, text, fetchedAt, expiresAt } satisfies Omit<Answer<T>, 'via'>
}
