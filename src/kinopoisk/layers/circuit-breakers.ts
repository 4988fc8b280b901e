import { type CircuitBreakerPolicy, CircuitState, circuitBreaker, DelegateBackoff, handleWhen } from 'cockatiel'
import { isPassing, refusal, UpstreamFailure } from '../failures.ts'
import type { GatewayMetrics } from '../metrics.ts'
import { dataEndpoints, type Endpoint, type Layer, ofEndpoints } from '../request.ts'

// Of different requests: what fails for one says nothing about the endpoint.
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
 * A circuit breaker for each endpoint: after failures (no connection, a timeout, a 5xx) of five different requests in a
 * row no call is sent for a while, then one call tries. Refusals in order (401, 402, 429) are no failures here, nor is a
 * response that can't be used: upstream is there.
 */
export function createCircuitBreakers(metrics: Pick<GatewayMetrics, 'breakerOpen'>, pauses = defaultPauses) {
  const breakers: Partial<Record<Endpoint, CircuitBreaker>> = ofEndpoints(() => createCircuitBreaker(pauses))
  const of = (endpoint: Endpoint) => breakers[endpoint] as CircuitBreaker
  for (const endpoint of dataEndpoints) {
    const updateGauge = () => metrics.breakerOpen.set({ breaker: endpoint }, of(endpoint).state() === 'closed' ? 0 : 1)
    of(endpoint).policy.onStateChange(updateGauge)
    updateGauge()
  }

  /** Before the queue: rejects at once while the circuit is open, or while another call tries. */
  const failFast: Layer = (fetch) => async (request, context) => {
    const { state, pauseLeftMs } = of(request.endpoint)
    if (state() === 'half-open' || pauseLeftMs() > 0) throw circuitOpen(pauseLeftMs())
    return fetch(request, context)
  }

  /** Next to the call itself: the breaker would take a refusal in between for a response of upstream's. */
  const execute: Layer = (fetch) =>
    failFast((request, context) => of(request.endpoint).execute(request.path, () => fetch(request, context)))

  /** Upstream has proved to be there. */
  function succeed(endpoint: Endpoint): void {
    const { policy } = of(endpoint)
    // Of a policy that is not closed, its way to close at once.
    if (policy.state !== CircuitState.Closed) policy.isolate().dispose()
    void policy.execute(async () => {})
  }

  return {
    failFast,
    execute,
    states: () => ofEndpoints((endpoint) => of(endpoint).state()),
    succeed,
    isClosed: (endpoint: Endpoint) => of(endpoint).state() === 'closed',
  }
}

type CircuitBreaker = ReturnType<typeof createCircuitBreaker>

function createCircuitBreaker({ firstMs, maxMs }: CircuitPauses) {
  let until = 0
  // The paths that have failed since the last response.
  const failing = new Set<string>()
  const policy: CircuitBreakerPolicy = circuitBreaker(handleWhen(isFailure), {
    breaker: {
      state: undefined,
      success: () => failing.clear(),
      failure: () => failing.size >= failuresInARow,
    },
    halfOpenAfter: new DelegateBackoff(({ attempt }) => {
      const pause = Math.min(maxMs, firstMs * 2 ** (attempt - 1))
      until = Date.now() + pause
      return pause
    }),
  })
  policy.onReset(() => failing.clear())
  return {
    policy,
    execute: <T>(path: string, work: () => Promise<T>): Promise<T> =>
      policy.execute(() =>
        work().catch((error) => {
          if (isFailure(error)) failing.add(path)
          throw error
        }),
      ),
    pauseLeftMs: () => (policy.state === CircuitState.Open ? Math.max(0, until - Date.now()) : 0),
    state: () => {
      if (policy.state === CircuitState.Closed) return 'closed' as const
      return policy.state === CircuitState.HalfOpen ? ('half-open' as const) : ('open' as const)
    },
  }
}

function isFailure(error: unknown): boolean {
  return error instanceof UpstreamFailure && isPassing(error.outcome)
}

function circuitOpen(pauseLeftMs: number) {
  return refusal('upstream_unavailable', pauseLeftMs / 1000, 'the circuit is open')
}
