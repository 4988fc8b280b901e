import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

const hourMs = 3_600_000

/** Cleanups, every hour; one that fails is logged and tried again the next time. */
export default fp(async (app: FastifyInstance, options: { tasks: Record<string, () => Promise<void>> }) => {
  const timer = setInterval(async () => {
    for (const [name, task] of Object.entries(options.tasks)) {
      await task().catch((err) => app.log.error({ err, task: name }, 'housekeeping failed'))
    }
  }, hourMs).unref()
  app.addHook('onClose', async () => clearInterval(timer))
})
