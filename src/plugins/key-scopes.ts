import type { FastifyInstance, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import type { KeyScope } from '../db/schema/api-keys.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Of a scope: the personal keys that get in. `read`: to what is read, keys that may read; `lists`: these, and to what
     * is written, keys that may write lists; `gateway`: keys for the compatible paths. Null, the default: none.
     */
    keyScope: KeyScope | null
  }
  interface FastifyContextConfig {
    /** Any of these opens the route to a key. */
    keyScopes?: readonly KeyScope[]
  }
}

/** Notes on every route which keys may enter. Registered before what reads it: the document, and the check of keys. */
export default fp(async (app: FastifyInstance) => {
  app.decorate('keyScope', null as KeyScope | null)
  app.addHook('onRoute', function (this: FastifyInstance, route: RouteOptions) {
    const reads = [route.method].flat().every((method) => method === 'GET' || method === 'HEAD')
    route.config = { ...route.config, keyScopes: scopesOf(this.keyScope, reads) }
  })
})

const none: readonly KeyScope[] = []

function scopesOf(keyScope: KeyScope | null, reads: boolean): readonly KeyScope[] {
  if (keyScope === null) return none
  if (keyScope === 'gateway') return ['gateway']
  if (reads) return ['read', 'lists']
  return keyScope === 'lists' ? ['lists'] : none
}
