import type { FastifyPluginAsync } from 'fastify'
import { AppError } from '../../errors.ts'
import { icon } from './icon.ts'

interface Options {
  /** Where a weakness of this instance is reported: `mailto:` or `https:`. */
  securityContact: string | undefined
  /** Whether the root is the page for people; otherwise it leads to the documentation. */
  hasPage: boolean
}

const dayMs = 86_400_000
const securityTextMs = 180 * dayMs
const forADay = 'public, max-age=86400'

/** What browsers, crawlers and finders of weaknesses ask every site for; not a part of the API. */
export const siteRoutes: FastifyPluginAsync<Options> = async (app, { securityContact, hasPage }) => {
  const schema = { hide: true }

  if (!hasPage) app.get('/', { schema }, (_request, reply) => reply.redirect('/docs'))

  app.get('/favicon.ico', { schema }, (_request, reply) =>
    reply.header('cache-control', forADay).type('image/vnd.microsoft.icon').send(icon),
  )

  // Answers of an API are nothing to be found by a search engine.
  app.get('/robots.txt', { schema }, (_request, reply) =>
    reply.header('cache-control', forADay).type('text/plain; charset=utf-8').send('User-agent: *\nDisallow: /\n'),
  )

  // RFC 9116. It needs a contact, and who runs this instance can't be known here.
  app.get('/.well-known/security.txt', { schema }, (_request, reply) => {
    if (!securityContact) {
      throw new AppError('not_found', { detail: 'No contact is named here: the operator sets SECURITY_CONTACT' })
    }
    const expires = new Date(Math.ceil(Date.now() / dayMs) * dayMs + securityTextMs).toISOString()
    const text = `Contact: ${securityContact}\nExpires: ${expires}\n`
    return reply.header('cache-control', forADay).type('text/plain; charset=utf-8').send(text)
  })
}
