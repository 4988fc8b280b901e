import {
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  DelegateBackoff,
  handleWhen,
} from 'cockatiel'
import { refusal, UpstreamFailure } from '../failures.ts'
import type { GatewayMetrics } from '../metrics.ts'
import { dataEndpoints, type Endpoint, type Layer } from '../request.ts'

const failuresInARow = 5

/** How long an open circuit lets no call through: `firstMs` at first, twice as long each time, `maxMs` at the most. */
export interface CircuitPauses {
  firstMs: number
  maxMs: number
}

// A return of upstream is noticed within 25 s.
const defaultPauses: CircuitPauses = { firstMs: 2_000, maxMs: 25_000 }

export type CircuitBreakers = ReturnType<typeof createCircuitBreakers>

/**
 * A circuit breaker for each endpoint: after five failures in a row no call is sent for a while, then one call probes.
 * Refusals of upstream in order (401, 402, 429) are no failures here.
 */
export function createCircuitBreakers(metrics: Pick<GatewayMetrics, 'breakerOpen'>, pauses = defaultPauses) {
  const breakers = Object.fromEntries(dataEndpoints.map((endpoint) => [endpoint, createCircuitBreaker(pauses)]))
  const of = (endpoint: Endpoint) => breakers[endpoint] as CircuitBreaker
  for (const endpoint of dataEndpoints) {
    const updateGauge = () => metrics.breakerOpen.set({ breaker: endpoint }, of(endpoint).state() === 'closed' ? 0 : 1)
    of(endpoint).policy.onStateChange(updateGauge)
    updateGauge()
  }

  /** Before the queue: rejects at once while the circuit is open, or while another call probes. */
  const failFast: Layer = (fetch) => async (request, context) => {
    const { state, pauseLeftMs } = of(request.endpoint)
    if (state() === 'half-open' || pauseLeftMs() > 0) throw circuitOpen(pauseLeftMs())
    return fetch(request, context)
  }

  /** Next to the call itself: the breaker would take a refusal in between for a response of upstream's. */
  const execute: Layer = (fetch) =>
    failFast((request, context) => of(request.endpoint).policy.execute(() => fetch(request, context)))

  /** A call that counted as a timeout has brought a response after all. */
  function succeed(endpoint: Endpoint): void {
    const { policy } = of(endpoint)
    // Of a policy that is not closed, its way to close at once.
    if (policy.state !== CircuitState.Closed) policy.isolate().dispose()
    void policy.execute(async () => {})
  }

  return {
    failFast,
    execute,
    succeed,
    states: () => ({
      film: of('film').state(),
      search: of('search').state(),
      staff: of('staff').state(),
      votes: of('votes').state(),
    }),
  }
}

type CircuitBreaker = ReturnType<typeof createCircuitBreaker>

function createCircuitBreaker({ firstMs, maxMs }: CircuitPauses) {
  let until = 0
  const policy: CircuitBreakerPolicy = circuitBreaker(handleWhen(isFailure), {
    breaker: new ConsecutiveBreaker(failuresInARow),
    halfOpenAfter: new DelegateBackoff(({ attempt }) => {
      const pause = Math.min(maxMs, firstMs * 2 ** (attempt - 1))
      until = Date.now() + pause
      return pause
    }),
  })
  return {
    policy,
    pauseLeftMs: () => (policy.state === CircuitState.Open ? Math.max(0, until - Date.now()) : 0),
    state: () => {
      if (policy.state === CircuitState.Closed) return 'closed' as const
      return policy.state === CircuitState.HalfOpen ? ('half-open' as const) : ('open' as const)
    },
  }
}

function isFailure(error: unknown): boolean {
  if (!(error instanceof UpstreamFailure)) return false
  return ['server_error', 'timeout', 'connection', 'bad_response'].includes(error.outcome)
}

function circuitOpen(pauseLeftMs: number) {
  return refusal('upstream_unavailable', pauseLeftMs / 1000, 'the circuit is open')
}
