import type { Shelf } from '../cache/cache.ts'
import type { createTeller, Told } from './cache-status.ts'
import { type Clock, type KeptTimes, read } from './layers/cache.ts'
import type { Answer, Question } from './request.ts'
import type { AnswerRepository } from './store/responses.ts'

/** An answer whose value is read where it is needed: who keeps what was made of it does not need it again. */
export interface Heard<T> {
  /** Another one for each answer to each question. */
  key: string
  fetchedAt: Date
  read(): Promise<T>
}

/** What is made of an answer's value. */
export type Make<T, R> = (value: T | null, fetchedAt: Date) => R
/** What is made of an answer that is at hand; undefined leaves it aside. */
export type Use<R, U> = (told: Told<Heard<R>>) => U | undefined

interface Options {
  answers: Pick<AnswerRepository, 'find'>
  shelf: Pick<Shelf<string, KeptTimes>, 'get'>
  clock: Clock
  told: ReturnType<typeof createTeller>
  /** Asks upstream, whatever is kept. */
  ask<T>(question: Question<T>): Promise<Answer<T>>
  /** An answer at hand was made use of. */
  count(question: Question<unknown>): void
}

export function createHeard({ answers, shelf, clock, told, ask, count }: Options) {
  /** What was answered; read again where only its times are in memory. */
  async function readValue<T>(question: Question<T>, { value }: Answer<T>): Promise<T | null> {
    if (value !== undefined) return value
    const kept = await answers.find(question.path)
    const again = kept && read(question, kept)
    // Behind our back another version of this service may have kept what this one can't read.
    return again ? again.value : readValue(question, await ask(question))
  }

  function heard<T, R>(question: Question<T>, answer: Answer<T>, make: Make<T, R>): Told<Heard<R>> {
    const { fetchedAt } = answer
    const key = `${fetchedAt.getTime()} ${question.path}`
    return told(answer, { key, fetchedAt, read: async () => make(await readValue(question, answer), fetchedAt) })
  }

  return {
    readValue,
    heard,

    /** What `use` makes of the answer, without waiting: if one that is fresh and no 404 is in memory. */
    atHand<T, R, U>(question: Question<T>, make: Make<T, R>, use: Use<R, U>): U | undefined {
      const times = shelf.get(question.path)
      if (!times || times.is === 'none' || times.expiresAt <= clock.now()) return undefined
      const { fetchedAt, expiresAt } = times
      const used = use(heard(question, { value: undefined, fetchedAt, expiresAt, via: 'hit' }, make))
      if (used !== undefined) count(question)
      return used
    },
  }
}
