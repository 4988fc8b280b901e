import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Gauge } from 'prom-client'
import { createDatabaseClock, type DatabaseClock } from '../db/clock.ts'
import { withoutValues } from '../db/errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    clock: DatabaseClock
  }
}

const everyMs = 60_000
/** NTP keeps a clock within a fraction of a second. */
const maxSkewSeconds = 2

/** The database's clock, read at the start and every minute. Needs the database and the metrics plugin. */
export default fp(async (app: FastifyInstance) => {
  const clock = createDatabaseClock(app.database)
  app.decorate('clock', clock)
  new Gauge({
    name: 'clock_skew_seconds',
    help: 'How far the clock of this machine is ahead of the database; below 0 when it is behind',
    registers: [app.metrics],
    collect() {
      this.set(clock.skewSeconds())
    },
  })
  const read = () =>
    clock
      .read()
      .catch((error) =>
        app.log.warn({ reason: withoutValues(error).message }, 'the clock of the database could not be read'),
      )
  const timer = setInterval(read, everyMs).unref()
  app.addHook('onClose', async () => clearInterval(timer))
  app.addHook('onReady', async () => {
    await read()
    const skew_seconds = Math.round(clock.skewSeconds() * 10) / 10
    if (Math.abs(skew_seconds) < maxSkewSeconds) return
    app.log.warn(
      { skew_seconds },
      'the clock of this machine differs from that of the database, by which everything here expires: set it by NTP',
    )
  })
})
