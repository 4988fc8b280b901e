import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, Gauge, Histogram } from 'prom-client'
import { contentHashOf, encodePicture, type Variant } from '../pictures/encode.ts'
import { PictureFailure } from '../pictures/failures.ts'
import { createPictureFetch, type Network } from '../pictures/fetch.ts'
import { createPictureHosts } from '../pictures/hosts.ts'
import { createPosterPaths, type PosterPaths } from '../pictures/paths.ts'
import { createPauses } from '../pictures/pauses.ts'

/** A film as far as its picture goes. */
interface Film {
  id: number
  title: string
  year: number | null
  url: string | null
}

export interface Pictures {
  paths: PosterPaths
  /** How many bytes may be kept. */
  maxBytes: number
  /** Where the picture of this address comes from; undefined where none is to be had. */
  sourceOf(url: string | null): string | undefined
  /** The picture as it is there. @throws {PictureFailure} */
  load(film: Film): Promise<Buffer>
  /** In every size. @throws {PictureFailure} */
  encode(bytes: Buffer): Promise<Variant[]>
  hashOf(bytes: Buffer): string
  failureOf(error: unknown): PictureFailure | undefined
  onRequest(result: 'kept' | 'fetched' | 'none' | 'failed'): void
  onKept(bytes: number): void
}

declare module 'fastify' {
  interface FastifyInstance {
    pictures: Pictures
  }
}

/** What lies outside of the process. */
export interface PictureExternals {
  /** Draws the posters of the sandbox, where Kinopoisk is played by it. */
  draw?: ((film: Film) => Promise<Buffer>) | undefined
  network?: Network
}

interface Options extends PictureExternals {
  secrets: readonly string[]
  /** Upstream's address. */
  upstream: string
  /** Hosts of pictures, beside the usual ones. */
  hosts: readonly string[]
  maxBytes: number
  /** For clients of upstream's API. */
  withJpeg: boolean
}

/** Pictures of films: where they may come from, how they are fetched, and the paths that they have here. */
export default fp(async (app: FastifyInstance, options: Options) => {
  const { secrets, upstream, hosts, maxBytes, draw, network } = options
  const allowed = createPictureHosts({ upstream, others: hosts })
  const metrics = createMetrics(app)
  const pauses = createPauses()
  const internet = createPictureFetch(network)
  app.addHook('onClose', () => internet.close())
  new Gauge({
    name: 'picture_hosts_paused',
    help: 'Hosts of pictures that fail, and are left alone for some time',
    registers: [app.metrics],
    collect() {
      this.set(pauses.paused())
    },
  })

  /** Drawn ones have a name of their own: where the real Kinopoisk is used later, they are not its pictures. */
  function sourceOf(url: string | null): string | undefined {
    const read = maxBytes > 0 ? allowed.read(url) : undefined
    return read && (draw && !allowed.isAdded(read) ? `sandbox ${read.href}` : read.href)
  }

  async function load(film: Film): Promise<Buffer> {
    const url = allowed.read(film.url)
    if (!url) throw new PictureFailure('none', 'not_found')
    if (draw && !allowed.isAdded(url)) return draw(film)
    return metrics.timed(() => pauses.run(url.hostname, () => internet.fetch(url)))
  }

  const paths = createPosterPaths(secrets, sourceOf)
  app.decorate('pictures', {
    ...{ paths, maxBytes, sourceOf, load, ...metrics },
    encode: (bytes) => encodePicture(bytes, options.withJpeg),
    hashOf: contentHashOf,
    failureOf: (error) => (error instanceof PictureFailure ? error : undefined),
  })
})

function createMetrics({ metrics }: FastifyInstance) {
  const common = { registers: [metrics] }
  const fetches = new Counter({
    ...common,
    name: 'picture_fetches_total',
    help: 'Pictures that were asked of their hosts: ok, none (there is none, or nothing that is one), failed',
    labelNames: ['outcome'],
  })
  for (const outcome of ['ok', 'none', 'failed']) fetches.inc({ outcome }, 0)
  const seconds = new Histogram({
    ...common,
    name: 'picture_fetch_seconds',
    help: 'Time of such a call, up to 5 s',
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  })
  const requests = new Counter({
    ...common,
    name: 'picture_requests_total',
    help: 'Pictures that were requested here: kept, fetched, none, failed',
    labelNames: ['result'],
  })
  for (const result of ['kept', 'fetched', 'none', 'failed']) requests.inc({ result }, 0)
  const kept = new Gauge({
    ...common,
    name: 'pictures_kept_bytes',
    help: 'What is kept of pictures, by all replicas, when this one last kept one',
  })
  return {
    onRequest: (result: 'kept' | 'fetched' | 'none' | 'failed') => requests.inc({ result }),
    onKept: (bytes: number) => kept.set(bytes),
    async timed(work: () => Promise<Buffer>): Promise<Buffer> {
      const end = seconds.startTimer()
      try {
        const bytes = await work()
        fetches.inc({ outcome: 'ok' })
        end()
        return bytes
      } catch (error) {
        // One that was not made is none.
        if (!(error instanceof PictureFailure && error.reason === 'paused')) {
          fetches.inc({ outcome: error instanceof PictureFailure ? error.outcome : 'failed' })
          end()
        }
        throw error
      }
    },
  }
}
