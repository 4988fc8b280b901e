import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

// The page's own files, the calls that it makes, the icons inside of its style sheet.
const policy = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'connect-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
}

const own = (name: string) => ({
  filename: name,
  content: readFileSync(join(import.meta.dirname, 'documentation', name), 'utf8'),
})

/** /docs: Swagger UI, and above it the first steps (documentation/page.js). Needs the plugin openapi. */
export default fp(async (app: FastifyInstance) => {
  await app.register(async (documentation) => {
    documentation.addHook<string>('onSend', async (_request, reply, payload) =>
      String(reply.getHeader('content-type')).startsWith('text/html') ? forPhones(payload) : payload,
    )
    documentation.addHook('onSend', documentation.represent)
    await documentation.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: policy,
      // Without an icon named, browsers take /favicon.ico.
      theme: { title: 'Kinoteka: the API', css: [own('page.css')], js: [own('page.js')], favicon: [] },
    })
  })
})

/** The page has no way to be given a viewport; and a start that page.js makes itself is taken out. */
function forPhones(page: string): string {
  return page
    .replace('<head>', '<head>\n      <meta name="viewport" content="width=device-width, initial-scale=1">')
    .replace(/<script src="[^"]*\/(swagger-ui-standalone-preset|swagger-initializer)\.js"[^>]*> <\/script>\n/g, '')
}
