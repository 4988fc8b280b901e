import { AppError } from '../errors.ts'

interface Request {
  /** With its port, as a trusted proxy tells it. */
  host: string
  headers: {
    origin?: string | undefined
    'sec-fetch-site'?: string | string[] | undefined
    'content-type'?: string | undefined
  }
}

/**
 * An onRequest hook of routes for this service's own pages: a request of another site is refused, and so is what a form of
 * one could send.
 */
export function refuseForeign(request: Request, _reply: unknown, done: (error?: Error) => void): void {
  done(faultOf(request))
}

/** Whether the page was loaded over https, by what the browser says: a proxy that ends TLS need not be trusted for it. */
export function isSecure({ headers: { origin = '' } }: Request): boolean {
  return origin.startsWith('https://')
}

function ownOrigin({ headers: { origin }, host }: Request): boolean {
  const given = parse(origin)
  if (!given || !/^https?:$/.test(given.protocol)) return false
  return parse(`${given.protocol}//${host}`)?.origin === given.origin
}

function parse(text: string | undefined): URL | undefined {
  return text === undefined ? undefined : (URL.parse(text) ?? undefined)
}

function faultOf(request: Request): AppError | undefined {
  const { 'sec-fetch-site': site, 'content-type': type = '' } = request.headers
  if ((site !== undefined && site !== 'same-origin') || !ownOrigin(request)) {
    return new AppError('foreign_page', {
      detail:
        'Only pages of this service may call this address, by its own name. A proxy in front has to pass the header Host ' +
        'on. Other clients: POST /auth/login',
    })
  }
  if (/^application\/json\s*(;|$)/i.test(type)) return undefined
  return new AppError('unsupported_media_type', { detail: 'This address takes application/json only' })
}
