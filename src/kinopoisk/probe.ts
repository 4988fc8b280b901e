import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../errors.ts'
import { filmRequest, paths } from './endpoints.ts'
import { isPassing, UpstreamFailure } from './failures.ts'
import type { GatewayMetrics } from './metrics.ts'
import { type CallContext, timeLeft, type UpstreamFetch, type UpstreamRequest } from './request.ts'
import type { ProbeReason, ProbeRepository } from './store/probes.ts'
import type { ResponseRepository } from './store/responses.ts'

/** The result of a probe. */
export interface Verdict {
  /** Null: upstream is well. */
  reason: ProbeReason | null
  /** How long it still counts. */
  leftMs: number
  /** Names the probe; undefined when there was no time for one. */
  begunAt?: Date
  /** The probe could not be made: one request may be sent in its place. */
  spare?: boolean
}

interface Options {
  /** Upstream, charged and within the rate limits. */
  fetch: UpstreamFetch
  probes: ProbeRepository
  responses: Pick<ResponseRepository, 'findRecent'>
  timeoutMs: number
  metrics: Pick<GatewayMetrics, 'distrusted' | 'onScrape'>
  runInBackground(work: Promise<void>): void
  warn(error: unknown, message: string): void
}

export type Probe = ReturnType<typeof createProbe>

const pollMs = 200
// For a caller whose time is over.
const undecided: Verdict = { reason: 'unasked', leftMs: 1_000 }

/** True where upstream answers, but not with what it is known to have. */
export function isNonsense({ reason }: Pick<Verdict, 'reason'>): boolean {
  return reason === 'not_found' || reason === 'bad_response'
}

/**
 * Finds out whether upstream is well: a film whose details are stored is fetched, at most once a minute over all
 * replicas and charged to the refresh share. All decide by that result for the rest of the minute.
 */
export function createProbe({ fetch, probes, responses, timeoutMs, metrics, runInBackground, warn }: Options) {
  // As far as this process knows.
  let reason: ProbeReason | null = null
  let running: Promise<Verdict> | undefined

  /** Why upstream is not well; null if it is. */
  async function call(path: string | undefined): Promise<ProbeReason | null> {
    if (!path) return 'unasked'
    const request = filmRequest(Number(path.slice(paths.film.length)))
    try {
      const { value } = await fetch(request, { purpose: 'refresh', deadline: performance.now() + timeoutMs })
      return value === null ? 'not_found' : null
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      const outcome = error instanceof UpstreamFailure ? error.outcome : undefined
      return outcome === 'bad_response' || (outcome && isPassing(outcome)) ? (outcome as ProbeReason) : 'unasked'
    }
  }

  function noted(verdict: Verdict): Verdict {
    reason = verdict.reason
    return verdict
  }

  /** The last result, while it counts. */
  async function findLatest(): Promise<Verdict | undefined> {
    const row = await probes.find()
    return row?.hasEnded && row.leftMs > 0 ? noted(row) : undefined
  }

  async function probeOnce(doubtful: string): Promise<Verdict> {
    const before = await probes.claim()
    if (!before) return waitForOther()
    const isOngoing = isNonsense(before)
    // A film that has become odd itself must not decide for good.
    const failed = isOngoing && before.path ? [before.path] : []
    const path = await responses.findRecent(paths.film, [doubtful, ...failed])
    const found = await call(path)
    // As long as there can be no other, the last result stands.
    const spare = found === 'unasked' && isOngoing
    const result = spare ? before.reason : found
    const { begins, ...ended } = await probes.end(result, path)
    if (begins) warn(distrust({ reason: result, leftMs: 0 }), `Kinopoisk is not believed: ${result}`)
    return noted({ ...ended, spare })
  }

  async function waitForOther(): Promise<Verdict> {
    const giveUpAt = performance.now() + timeoutMs
    while (performance.now() < giveUpAt) {
      const row = await probes.find()
      if (row?.hasEnded) return noted(row)
      await sleep(pollMs)
    }
    return undecided
  }

  function start(doubtful: string): Promise<Verdict> {
    const verdict = probeOnce(doubtful).finally(() => {
      running = undefined
    })
    runInBackground(
      verdict.then(
        () => {},
        () => {},
      ),
    )
    return verdict
  }

  metrics.onScrape(async () => metrics.distrusted.set((await probes.findTrouble()) ? 1 : 0))

  return {
    findLatest,

    /** Whether the last result that this process knows of was nonsense, even if it no longer counts. */
    isTroubled: () => isNonsense({ reason }),

    /**
     * Of the last minute; probes if there is none, but not by the path that is in doubt itself. Rejects when the database
     * can't be reached.
     */
    async verdict({ path }: Pick<UpstreamRequest<unknown>, 'path'>, context: CallContext): Promise<Verdict> {
      const latest = await findLatest()
      if (latest) return latest
      running ??= start(path)
      return Promise.race([running, sleep(timeLeft(context), undecided, { ref: false })])
    },

    /** A film has come: upstream is well, however doubtful the rest. */
    async endTrouble(): Promise<void> {
      if (reason === null) return
      reason = null
      // Without the database it ends with the minute.
      await probes.endTrouble().catch(() => {})
    },

    trouble: probes.findTrouble,
  }
}

/** The failure of a request whose response is not believed, or that is not sent. */
export function distrust({ reason, leftMs }: Verdict): UpstreamFailure {
  const cause =
    reason === null
      ? 'a doubtful 404 does not replace what is stored'
      : `a doubtful response; the probe of upstream: ${reason}`
  return new UpstreamFailure('bad_response', new Error(cause), Math.max(1, Math.ceil(leftMs / 1000)), reason !== null)
}
