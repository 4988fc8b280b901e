import { AppError } from '../errors.ts'
import type { AnswerRepository } from './answers.ts'
import type { Answer, Layer, Question } from './question.ts'

export interface Clock {
  now(): Date
  /** 0 ≤ x < 1, spreads the expiry of answers that came together. */
  random(): number
}

export const systemClock: Clock = { now: () => new Date(), random: Math.random }

/**
 * Answers from what is kept while it is true; asks and keeps otherwise. When the asking fails, an expired answer is
 * served rather than none. No connection is held while upstream is waited for.
 */
export function cached(answers: AnswerRepository, clock: Clock = systemClock): Layer {
  return (ask) => async (question) => {
    const kept = await answers.find(question.path)
    const old = kept && { ...kept, value: kept.text === null ? null : JSON.parse(kept.text) }
    if (old && old.expiresAt > clock.now()) return { ...old, via: 'hit' }
    try {
      const answer = await ask(question)
      const expiresAt = expiry(question, answer, clock)
      await answers.save(question.path, { ...answer, expiresAt })
      return { ...answer, expiresAt, via: old ? 'expired' : 'miss' }
    } catch (error) {
      if (!old || !(error instanceof AppError)) throw error
      return { ...old, via: 'stale', reason: error.code }
    }
  }
}

function expiry<T>(question: Question<T>, answer: Answer<T>, clock: Clock): Date {
  const jitter = 0.9 + 0.2 * clock.random()
  return new Date(answer.fetchedAt.getTime() + question.ttlSeconds(answer.value) * 1000 * jitter)
}
