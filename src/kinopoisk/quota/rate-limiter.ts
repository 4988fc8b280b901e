import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../../errors.ts'
import { refusal, UpstreamFailure } from '../failures.ts'
import type { Meter } from '../metrics.ts'
import { type Call, type Endpoint, type Layer, timeLeft } from '../request.ts'
import { callsPerSecond, type Rate, type RateRepository, windowMs } from './rate-windows.ts'

type Meters = Pick<Meter, 'queueWait' | 'queueRefused'>

const usualPauseSeconds = 1

const isRate = (endpoint: Endpoint | Rate): endpoint is Rate => endpoint in callsPerSecond

/** Keeps to the rates that upstream allows, over all replicas: calls wait for their turn, or are refused at once. */
export function createLimiter(rates: RateRepository, meter: Meters) {
  const lines: Record<Rate, Line> = {
    overall: createLine('overall', rates),
    search: createLine('search', rates),
    votes: createLine('votes', rates),
    account: createLine('account', rates),
  }
  const lineOf = (endpoint: Endpoint) => lines[isRate(endpoint) ? endpoint : 'overall']

  /** Refuses at once whose turn would come too late. */
  const guard: Layer = (ask) => async (question, call) => {
    const late = lineOf(question.endpoint).tooLate(call)
    if (late) throw counted(question.endpoint, late)
    return ask(question, call)
  }

  /** Refuses so whom too many are before who are just paying: what they pay and get back looks like a quota used up. */
  const placed: Layer = (ask) => async (question, call) => {
    const line = lineOf(question.endpoint)
    const late = line.tooLate(call)
    if (late) throw counted(question.endpoint, late)
    line.coming.add(call)
    return ask(question, call).finally(() => line.coming.delete(call))
  }

  const limited: Layer = (ask) => async (question, call) => {
    const { endpoint } = question
    const since = performance.now()
    await lineOf(endpoint)
      .turn(call)
      .catch((error) => {
        throw counted(endpoint, error)
      })
    meter.queueWait.observe({ endpoint }, (performance.now() - since) / 1000)
    try {
      return await ask(question, call)
    } catch (error) {
      if (error instanceof UpstreamFailure && error.outcome === 'rate_limited') {
        // Without the database the other replicas hear it from upstream.
        await rates.pause(error.retryAfterSeconds ?? usualPauseSeconds).catch(() => {})
      }
      throw error
    }
  }

  function counted(endpoint: Endpoint, error: AppError): AppError {
    if (error.code === 'upstream_rate_limited') meter.queueRefused.inc({ endpoint })
    return error
  }
  return { guard, placed, limited }
}

interface Waiter {
  giveUpAt: number
  go(): void
  refuse(error: unknown): void
}

type Line = ReturnType<typeof createLine>

/** Who waits in this process for a turn under one rate; only the first tries. */
function createLine(rate: Rate, rates: RateRepository) {
  const waiting: Waiter[] = []
  // Who will wait as soon as he has paid.
  const coming = new Set<Call>()
  let freeAt = 0
  let moving = false
  // When the database was asked, while it has not answered.
  let askedAt: number | undefined

  /** Until the turn of who comes behind so many, if no other replica takes turns. */
  function expectedMs(ahead: number): number {
    const windows = Math.floor(ahead / callsPerSecond[rate])
    return Math.max(0, freeAt - performance.now()) + windows * windowMs
  }

  function tooLate(call: Call, ahead = waiting.length + coming.size): AppError | undefined {
    const ms = expectedMs(ahead)
    return ms > patienceMs(call) ? refusal('upstream_rate_limited', ms / 1000) : undefined
  }

  async function move(): Promise<void> {
    if (moving) return
    moving = true
    while (waiting.length > 0) {
      try {
        askedAt = performance.now()
        const waitMs = await rates.take(rate).finally(() => {
          askedAt = undefined
        })
        if (waitMs <= 0) waiting[0]?.go()
        else await pass(waitMs)
      } catch (error) {
        waiting[0]?.refuse(error)
      }
    }
    moving = false
  }

  function tired(patience: number): AppError {
    // It is the database that kept us waiting, and not the rate.
    const isSlow = askedAt !== undefined && performance.now() - askedAt > patience / 2
    return isSlow
      ? new AppError('database_unavailable')
      : refusal('upstream_rate_limited', expectedMs(waiting.length) / 1000)
  }

  async function pass(ms: number): Promise<void> {
    freeAt = performance.now() + ms
    for (const waiter of waiting.filter(({ giveUpAt }) => giveUpAt < freeAt)) {
      waiter.refuse(refusal('upstream_rate_limited', ms / 1000))
    }
    if (waiting.length > 0) await sleep(Math.min(ms, windowMs))
  }

  return {
    coming,
    tooLate,

    /** Resolves when the call may be made. */
    async turn(call: Call): Promise<void> {
      coming.delete(call)
      // Who comes later is no longer in the way.
      const late = tooLate(call, waiting.length)
      if (late) throw late
      const patience = patienceMs(call)
      await new Promise<void>((resolve, reject) => {
        const leave = () => {
          clearTimeout(timer)
          waiting.splice(waiting.indexOf(waiter), 1)
        }
        const waiter: Waiter = {
          giveUpAt: performance.now() + patience,
          go() {
            leave()
            resolve()
          },
          refuse(error) {
            leave()
            reject(error)
          },
        }
        const timer = setTimeout(() => waiter.refuse(tired(patience)), patience)
        waiting.push(waiter)
        void move()
      })
    },
  }
}

/** The rest of the time is for the answer. Who renews an answer unasked leaves room in the line for those who wait. */
function patienceMs(call: Call): number {
  return timeLeft(call) / (call.purpose === 'refresh' ? 4 : 2)
}
