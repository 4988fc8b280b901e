import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createPictureHosts } from '../pictures/hosts.ts'
import { createPosterPaths, type PosterPaths } from '../pictures/paths.ts'

declare module 'fastify' {
  interface FastifyInstance {
    pictures: { paths: PosterPaths }
  }
}

interface Options {
  secrets: readonly string[]
  /** Upstream's address. */
  upstream: string
  /** Hosts of pictures, beside the usual ones. */
  hosts: readonly string[]
}

/** Pictures of films: where they may come from, and the paths that they have here. */
export default fp(async (app: FastifyInstance, { secrets, upstream, hosts }: Options) => {
  const allowed = createPictureHosts({ upstream, others: hosts })
  const paths = createPosterPaths(secrets, (url) => allowed.read(url)?.href)
  app.decorate('pictures', { paths })
})
