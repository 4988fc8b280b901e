import type { Db } from '../../db/connect.ts'
import { AppError } from '../../errors.ts'
import type { Meter } from '../metrics.ts'
import { createRenewals } from './favourites.ts'
import { createSurvey } from './popular-films.ts'

interface Options {
  db: Db
  meter: Pick<Meter, 'refreshes'>
  now(): Date
  everyMs: number
  askFilm(id: number): Promise<unknown>
  /** A page of a year's most voted films. */
  askPage(year: number, page: number): Promise<unknown>
  inBackground(work: Promise<void>): void
  unforeseen(error: unknown): void
}

/** What is asked though nobody waits for it, one call at a time: expired favourites, then the survey of films. */
export function createUnasked({ askFilm, askPage, everyMs, inBackground, unforeseen, ...rest }: Options) {
  const renewNext = createRenewals({ ...rest, renew: askFilm })
  const survey = createSurvey({ ...rest, ask: askPage })

  async function next(): Promise<void> {
    try {
      if (!(await renewNext())) await survey.step()
    } catch (error) {
      if (!(error instanceof AppError)) unforeseen(error)
    }
  }
  const timer = setInterval(() => inBackground(next()), everyMs).unref()
  return { isLearning: survey.isLearning, close: () => clearInterval(timer) }
}
