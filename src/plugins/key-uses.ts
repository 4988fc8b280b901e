import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { withoutValues } from '../db/errors.ts'

interface Options {
  /** Writes which keys were used since the last call. */
  write(): Promise<void>
  everyMs?: number
}

/** Notes when keys were last used: every 20 s, and at the end. Needs the database. */
export default fp(async (app: FastifyInstance, { write, everyMs = 20_000 }: Options) => {
  const writeOrWarn = () =>
    write().catch((error) =>
      app.log.warn({ reason: withoutValues(error).message }, 'it could not be noted when keys were used'),
    )
  const timer = setInterval(() => void writeOrWarn(), everyMs).unref()
  app.addHook('onClose', async () => {
    clearInterval(timer)
    await writeOrWarn()
  })
})
