import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import Negotiator from 'negotiator'
import { Counter } from 'prom-client'
import { AppError } from '../../errors.ts'
import { etagOf } from '../../http/json-payload.ts'
import { refuseForeign } from '../../http/same-origin.ts'
import { NoContent } from '../../http/schemas.ts'
import { loadAssets } from './assets.ts'
import { renderPage } from './page.ts'
import { AssetParams, screens, ViewBody } from './schemas.ts'

interface Options {
  isPublic: boolean
  isSandbox: boolean
}

const schema = { hide: true }
const description = {
  name: 'Kinoteka',
  description: 'A film catalogue, personal lists and a quota-wise gateway to the unofficial Kinopoisk API',
  documentation: '/docs',
  openapi: '/openapi.json',
}

/** The page for people at the root, its screens below /app, and the files of which it is made. */
export const pageRoutes: FastifyPluginAsyncTypebox<Options> = async (app, options) => {
  const assets = await loadAssets()
  const { html, policy } = renderPage(assets, options)
  const etag = etagOf(html)
  const views = new Counter({
    name: 'web_views_total',
    help: 'Screens of the page for people that were shown, by screen alone',
    labelNames: ['screen'],
    registers: [app.metrics],
  })
  for (const screen of screens) views.inc({ screen }, 0)

  app.get('/', { schema }, (request, reply) => {
    reply.header('vary', 'accept')
    return prefersJson(request) ? reply.header('cache-control', 'no-cache').send(description) : sendPage(reply)
  })
  app.get('/app', { schema }, (_request, reply) => reply.redirect('/'))
  app.get('/app/*', { schema }, (_request, reply) => sendPage(reply))

  app.get('/web/:version/*', { schema: { ...schema, params: AssetParams } }, (request, reply) => {
    const { version, '*': name } = request.params
    const asset = assets.files.get(name)?.()
    if (!asset) throw new AppError('not_found', { detail: 'The page has no such file' })
    // Of another release while replicas are replaced: as they are here, and not kept.
    const isThis = version === assets.version
    return reply
      .header('cache-control', isThis ? 'public, max-age=31536000, immutable' : 'no-store')
      .header('etag', asset.etag)
      .type(asset.type)
      .send(asset.bytes)
  })

  app.post(
    '/web/views',
    { schema: { ...schema, body: ViewBody, response: { 204: NoContent } }, onRequest: refuseForeign },
    async (request, reply) => {
      views.inc({ screen: request.body.screen })
      return reply.header('cache-control', 'no-store').code(204).send(null)
    },
  )

  function sendPage(reply: FastifyReply) {
    return reply
      .header('cache-control', 'no-cache')
      .header('content-security-policy', policy)
      .header('etag', etag)
      .type('text/html; charset=utf-8')
      .send(html)
  }
}

/** A client that says nothing of it, or that takes anything, gets the page. */
function prefersJson(request: FastifyRequest): boolean {
  const [best] = new Negotiator({ headers: { ...request.headers } }).mediaTypes(['text/html', 'application/json'])
  return best === 'application/json'
}
