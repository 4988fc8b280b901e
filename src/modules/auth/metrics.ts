import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { AppError } from '../../errors.ts'
import { createPasswords, laneNames, type Passwords } from './passwords.ts'
import type { AuthService } from './service.ts'

/** The module's metrics, as callbacks and wrappers; the service knows nothing of them. */
export function createAuthMetrics(registry: Registry) {
  const registers = [registry]
  const outcomes = (name: string, help: string) =>
    new Counter({ name, help: `${help}: ok, or the code of the error`, labelNames: ['outcome'], registers })
  const logins = outcomes('auth_logins_total', 'Logins')
  const registrations = outcomes('auth_registrations_total', 'Registrations')
  const refreshes = outcomes('auth_refreshes_total', 'Refreshes')
  const logouts = new Counter({ name: 'auth_logouts_total', help: 'Sessions that their user logged out', registers })
  const reuses = new Counter({
    name: 'auth_refresh_reuse_total',
    help: 'Sessions ended because an old refresh token came back: it may have been stolen',
    registers,
  })
  const throttled = new Counter({
    name: 'auth_throttled_total',
    help: 'Attempts refused because too many had failed, by what those have in common',
    labelNames: ['by'],
    registers,
  })
  return {
    passwords: () => passwordsWithMetrics(registers),
    throttled: (by: string) => throttled.inc({ by }),
    reused: () => reuses.inc(),
    /** The same service, counted. */
    withMetrics: (auth: AuthService): AuthService => ({
      ...auth,
      register: (...given) => counted(registrations, auth.register(...given)),
      login: (...given) => counted(logins, auth.login(...given)),
      refresh: (...given) => counted(refreshes, auth.refresh(...given)),
      async logout(user) {
        const ended = await auth.logout(user)
        logouts.inc()
        return ended
      },
    }),
  }
}

function passwordsWithMetrics(registers: Registry[]): Passwords {
  const duration = new Histogram({
    name: 'password_hash_duration_seconds',
    help: 'Time that argon2 takes, without the wait for a turn',
    labelNames: ['kind'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers,
  })
  const rejected = new Counter({
    name: 'password_hash_rejected_total',
    help: 'Answered with 503: too many waited, or one for too long',
    labelNames: ['lane'],
    registers,
  })
  for (const lane of laneNames) rejected.inc({ lane }, 0)
  const passwords = createPasswords({
    hashed: (kind, seconds) => duration.observe({ kind }, seconds),
    rejected: (lane) => rejected.inc({ lane }),
  })
  new Gauge({
    name: 'password_hash_waiting',
    help: 'Passwords that wait for a turn of argon2',
    labelNames: ['lane'],
    collect() {
      for (const lane of laneNames) this.set({ lane }, passwords.queueLength(lane))
    },
    registers,
  })
  return passwords
}

async function counted<T>(outcomes: Counter<'outcome'>, work: Promise<T>): Promise<T> {
  try {
    const result = await work
    outcomes.inc({ outcome: 'ok' })
    return result
  } catch (error) {
    outcomes.inc({ outcome: error instanceof AppError ? error.code : 'error' })
    throw error
  }
}
