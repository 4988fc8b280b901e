import { setTimeout as sleep } from 'node:timers/promises'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { failureCodes, outcomes, shares, UpstreamFailure } from './failures.ts'
import { dataEndpoints, endpoints, type Layer, purposes } from './request.ts'

/** How a caller's request ended. */
export const results = ['hit', 'stale', 'miss', 'negative', 'local', 'partial', 'error'] as const
export type Result = (typeof results)[number]

export type GatewayMetrics = ReturnType<typeof createMetrics>

/** The gateway's metrics. Every series that can be named is there from the start, at 0. */
export function createMetrics(registry = new Registry()) {
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, labels: Record<L, readonly string[]>) => {
    const made = new Counter({ name, help, labelNames: Object.keys(labels) as L[], registers })
    for (const combination of combinations(labels)) made.inc(combination as never, 0)
    return made
  }
  const { collect, onScrape } = createCollector()
  return {
    requests: counter('kinopoisk_requests_total', 'Calls of upstream, by how they ended', {
      endpoint: endpoints,
      outcome: outcomes,
    }),
    duration: new Histogram({
      name: 'kinopoisk_request_duration_seconds',
      help: 'Time of a call of upstream',
      labelNames: ['endpoint'],
      buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
    /** `local` and `partial` are errors that our own films made up for. */
    results: counter('kinopoisk_cache_results_total', 'Questions to the gateway, by how they were answered', {
      endpoint: dataEndpoints,
      result: results,
    }),
    overdue: counter(
      'kinopoisk_overdue_calls_total',
      'Calls of upstream that took longer than their caller waits, by what became of them',
      { endpoint: dataEndpoints, outcome: ['response', 'failed', 'aborted'] },
    ),
    retries: counter('kinopoisk_retries_total', 'Calls of upstream tried once more', { endpoint: endpoints }),
    coalesced: counter('kinopoisk_flights_joined_total', "Questions answered by another caller's asking", {
      endpoint: endpoints,
      scope: ['process', 'replica'],
    }),
    refreshes: counter('kinopoisk_refreshes_total', 'Answers asked for anew, nobody waiting', {
      trigger: ['expired', 'scheduled'],
      outcome: ['ok', 'failed', 'refused'],
    }),
    filmsNotStored: counter(
      'kinopoisk_films_not_stored_total',
      'Films that could not be stored with their response',
      {},
    ),
    /** Not there from the start at 0: each member of each endpoint would be a series. */
    oddMembers: new Counter({
      name: 'kinopoisk_odd_members_total',
      help: 'Members of responses left out because they were not what they should be; id: rows left out',
      labelNames: ['endpoint', 'member'],
      registers,
    }),
    queueWait: new Histogram({
      name: 'kinopoisk_queue_wait_seconds',
      help: 'Time a call of upstream waited for its turn under the rate limits',
      labelNames: ['endpoint'],
      buckets: [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    queueRefused: counter('kinopoisk_queue_refused_total', 'Calls not made because their turn would come too late', {
      endpoint: endpoints,
    }),
    quotaRefused: counter('kinopoisk_quota_refused_total', 'Calls not made because the quota did not allow them', {
      purpose: purposes,
    }),
    shareRefused: counter(
      'kinopoisk_quota_user_share_refused_total',
      'Calls not made because the user had spent the own part of the quota',
      { share: shares },
    ),
    charges: counter('kinopoisk_charges_total', 'Calls charged to the quota, by who pays and what was called', {
      purpose: purposes,
      endpoint: dataEndpoints,
    }),
    refunds: counter(
      'kinopoisk_refunds_total',
      'Charged calls that were given back: not sent after all, or reserved by a process that died',
      { reason: ['not_sent', 'expired'] },
    ),
    budgetReached: counter(
      'kinopoisk_key_budget_reached_total',
      'Personal keys that reached 80 % (soft) or all (spent) of their calls of the day',
      { part: ['soft', 'spent'] },
    ),
    spentByRank: new Gauge({
      name: 'kinopoisk_quota_spent_by_rank',
      help: 'Calls of today by the ten users, and the ten personal keys, that have spent most',
      labelNames: ['by', 'rank'],
      registers,
      collect,
    }),
    breakerOpen: new Gauge({
      name: 'kinopoisk_breaker_open',
      help: '1 while calls are not made: the circuit of an endpoint, the quota, or the rejected key',
      labelNames: ['breaker'],
      registers,
      collect,
    }),
    quotaLimit: new Gauge({ name: 'kinopoisk_quota_limit', help: 'Calls a day; -1 is no limit', registers, collect }),
    quotaLeft: new Gauge({
      name: 'kinopoisk_quota_left',
      help: 'Calls left today; -1 is no limit',
      registers,
      collect,
    }),
    quotaSpent: new Gauge({
      name: 'kinopoisk_quota_spent',
      help: 'Calls of today, by purpose; outside: made by others with the same key',
      labelNames: ['purpose'],
      registers,
      collect,
    }),
    quotaSpentByUserMax: new Gauge({
      name: 'kinopoisk_quota_spent_by_user_max',
      help: 'Calls of today by the user with the most of them',
      registers,
      collect,
    }),
    fallbacks: counter('kinopoisk_fallbacks_total', 'Requests served from our own films, and why', {
      endpoint: ['film', 'search'],
      reason: failureCodes,
    }),
    failuresRepeated: counter(
      'kinopoisk_failures_repeated_total',
      'Questions answered with the failure that was remembered for them, without a call',
      { endpoint: dataEndpoints },
    ),
    distrusted: new Gauge({
      name: 'kinopoisk_distrusted',
      help: '1 while Kinopoisk is not believed: it was asked about a film that it has, and failed or could not be asked',
      registers,
      collect,
    }),
    onScrape,
  }
}

// A scrape shows the last figures rather than wait for a database that does not respond.
const scrapeMs = 1_000

/** What updates gauges when they are scraped: once for all gauges of a scrape. */
function createCollector() {
  const works: (() => Promise<void>)[] = []
  let updating: Promise<unknown> | undefined
  return {
    /** `work` is awaited before the gauges are read. */
    onScrape: (work: () => Promise<void>) => void works.push(work),
    async collect(): Promise<void> {
      updating ??= Promise.allSettled(works.map((work) => work())).finally(() => {
        updating = undefined
      })
      await Promise.race([updating, sleep(scrapeMs, undefined, { ref: false })])
    },
  }
}

/** Counts and times the calls of upstream. */
export function withMetrics(metrics: Pick<GatewayMetrics, 'requests' | 'duration'>): Layer {
  return (fetch) => async (request, context) => {
    const { endpoint } = request
    const end = metrics.duration.startTimer({ endpoint })
    try {
      const response = await fetch(request, context)
      metrics.requests.inc({ endpoint, outcome: response.value === null ? 'not_found' : 'ok' })
      return response
    } catch (error) {
      if (error instanceof UpstreamFailure) metrics.requests.inc({ endpoint, outcome: error.outcome })
      throw error
    } finally {
      end()
    }
  }
}

function combinations(labels: Record<string, readonly string[]>): Record<string, string>[] {
  return Object.entries(labels).reduce<Record<string, string>[]>(
    (made, [label, values]) => made.flatMap((one) => values.map((value) => ({ ...one, [label]: value }))),
    [{}],
  )
}
