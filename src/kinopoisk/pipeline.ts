import type { Cache } from '../cache/cache.ts'
import type { Database } from '../db/connect.ts'
import { createUpstream, type UpstreamOptions } from './http.ts'
import { type Clock, cached, type EntryFreshness, stored } from './layers/cache.ts'
import { type CircuitPauses, createCircuitBreakers } from './layers/circuit-breakers.ts'
import { createFailedRequests } from './layers/failed-requests.ts'
import { createPatience } from './layers/patience.ts'
import { retried } from './layers/retry.ts'
import { sharedFlight } from './layers/shared-flight.ts'
import { coalesced } from './layers/single-flight.ts'
import { createTrust } from './layers/trust.ts'
import { type WarnOnce, warned } from './layers/warnings.ts'
import { createWithdrawnFilms } from './layers/withdrawn.ts'
import { type GatewayMetrics, withMetrics } from './metrics.ts'
import { createProbe } from './probe.ts'
import { type BudgetOptions, createBudget } from './quota/budget.ts'
import { compose, type Endpoint, type Layer } from './request.ts'
import { createFailureRepository, type FailurePauses } from './store/failures.ts'
import { createLeaseRepository } from './store/leases.ts'
import { createProbeRepository } from './store/probes.ts'
import { createResponseRepository } from './store/responses.ts'
import { createWithdrawnRepository } from './store/withdrawn.ts'
import { createResponseWriter } from './store/writer.ts'

export interface PipelineOptions extends UpstreamOptions, BudgetOptions {
  /** How long a call may take: behind a caller that no longer waits it goes on, and is stored. */
  patienceMs: number
  cache: Cache
  clock: Clock
  metrics: GatewayMetrics
  circuitPauses?: CircuitPauses | undefined
  failurePauses?: FailurePauses | undefined
  /** How long the result of a probe counts. */
  probeEveryMs?: number | undefined
  /** Whether a page of popular films waits for the day's quota. */
  isPageWaiting?: () => boolean
  runInBackground(work: Promise<void>): void
  /** Called with what went wrong where nobody waits. */
  warn(error: unknown, message: string): void
  warnOnce: WarnOnce
}

/** The layers between a caller and upstream, in their order, and what they share. */
export function createPipeline(database: Database, options: PipelineOptions) {
  const { cache: memory, clock, metrics, circuitPauses, failurePauses, probeEveryMs = 60_000, ...rest } = options
  const { patienceMs, runInBackground, warn, warnOnce, isPageWaiting = () => false, ...limits } = rest
  const onOdd = (endpoint: Endpoint, member: string) => metrics.oddMembers.inc({ endpoint, member })
  const upstream = createUpstream({ ...limits, onOdd }, clock)
  const responses = createResponseRepository(database.db)
  const freshness = createFreshness(memory)
  const leases = createLeaseRepository(database)
  const breakers = createCircuitBreakers(metrics, circuitPauses)
  const { timed, patient } = createPatience({
    ...{ timeoutMs: limits.timeoutMs, patienceMs, metrics },
    onResponse: breakers.succeed,
  })
  const budget = createBudget(limits, { db: database.db, fetch: upstream.fetch, metrics, warn })
  const failures = createFailureRepository(database.db, failurePauses)
  const failedRequests = createFailedRequests({ failures, metrics, isClosed: breakers.isClosed })
  const probe = createProbe({
    fetch: compose(upstream.fetch, [...budget.onTurn, withMetrics(metrics)]),
    probes: createProbeRepository(database.db, probeEveryMs),
    ...{ responses, metrics, timeoutMs: limits.timeoutMs, runInBackground, warn },
  })
  const trust = createTrust({ probe, responses, onWell: breakers.succeed })
  const onUnexpected = (error: unknown) => warn(error, 'an answer could not be renewed')
  const withdrawn = createWithdrawnFilms({
    withdrawn: createWithdrawnRepository(database.db),
    now: clock.now,
    onUnexpected: (error) => warn(error, 'it could not be read which films are withdrawn'),
  })
  const writer = createResponseWriter({ db: database.db, responses, metrics, warn })
  const save: typeof writer.save = async (path, response, discovery = {}) => {
    await writer.save(path, response, withdrawn.withoutDiscovery(discovery))
    freshness.invalidate(path)
  }
  const leaseMs = Math.min(2_000, Math.max(200, limits.timeoutMs / 3))

  const layers: Layer[] = [
    withdrawn.layer,
    coalesced({ metrics, runInBackground }),
    breakers.failFast,
    failedRequests.failFast,
    ...budget.beforeQueue,
    trust.failFast,
    sharedFlight({ responses, leases, metrics, leaseMs }),
    failedRequests.remembered,
    stored({ save }, clock),
    retried(metrics, clock),
    trust.believed,
    ...budget.onTurn,
    patient,
    breakers.execute,
    timed,
    withMetrics(metrics),
    warned(warnOnce),
  ]
  const fetchFresh = compose(upstream.fetch, layers)
  const cache = cached(responses, { freshness, clock, metrics, runInBackground, onUnexpected, isPageWaiting })
  const fetchCached = compose(fetchFresh, [withdrawn.layer, cache])
  return {
    fetchFresh,
    fetchCached,
    responses,
    freshness,
    leases,
    failures,
    probe,
    breakers,
    writer,
    withdrawn,
    budget,
    onUnexpected,
    upstream,
  }
}

/** The times of the responses that were read lately. */
function createFreshness(cache: Cache) {
  return cache.region<string, EntryFreshness>({
    name: 'kinopoisk answer',
    sizeOf: () => 100,
    invalidatedBy: { answer: 'one' },
    scanResistant: true,
  })
}
