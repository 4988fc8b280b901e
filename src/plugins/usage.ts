import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Gauge } from 'prom-client'
import { withoutValues } from '../db/errors.ts'

interface Options {
  count(): Promise<{ registered: number; active: Record<string, number> }>
  now?: (() => Date) | undefined
}

const everyMs = 60_000
const maxWaitMs = 100

/**
 * The number of users, counted at most once a minute, when the metrics are scraped. A scrape hardly waits: without a
 * response of the database it shows the last figures, or none.
 */
export default fp(async (app: FastifyInstance, { count, now = () => new Date() }: Options) => {
  const common = { registers: [app.metrics], collect: refresh }
  const registered = new Gauge({ name: 'users_registered', help: 'Accounts', ...common })
  const active = new Gauge({
    name: 'users_active',
    help: 'Users who logged in or refreshed their tokens within the window',
    labelNames: ['window'],
    ...common,
  })
  // It begins at 0, which would look like the loss of all of them.
  registered.remove()
  let counting: Promise<void> | undefined
  let due = 0

  async function refresh(): Promise<void> {
    if (!counting && now().getTime() >= due) {
      due = now().getTime() + everyMs
      counting = update().finally(() => {
        counting = undefined
      })
    }
    if (counting) await Promise.race([counting, sleep(maxWaitMs, undefined, { ref: false })])
  }

  async function update(): Promise<void> {
    const users = await count().catch((error) =>
      app.log.warn({ reason: withoutValues(error).message }, 'users could not be counted'),
    )
    if (!users) return
    registered.set(users.registered)
    for (const [window, n] of Object.entries(users.active)) active.set({ window }, n)
  }
})
