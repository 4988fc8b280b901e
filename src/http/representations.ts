import fresh from 'fresh'
import { LRUCache } from 'lru-cache'
import Negotiator from 'negotiator'

/** A content coding (RFC 9110 8.4.1) that responses may have. */
export type Coding = 'br' | 'gzip'

interface Request {
  method: string
  headers: { 'accept-encoding'?: string | string[] | undefined; 'if-none-match'?: string | undefined }
  routeOptions: { config: { neverCompressed?: boolean } }
}

/** The published types are those of 0.6, which took no preference. */
interface NegotiatorOf1 {
  encodings(available: string[], options: { preferred: string[] }): string[]
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its responses hold secrets: the length of a compressed one tells of what is in it (BREACH). */
    neverCompressed?: boolean
  }
}

// In the order in which they are taken where the client likes them equally.
const codings: Coding[] = ['br', 'gzip']
// Clients send few different headers, and hostile ones as many as they like.
const negotiated = new LRUCache<string, Coding | 'identity'>({ max: 200 })

/** The coding that the client likes best, of responses that may have one. */
export function codingFor(request: Request): Coding | undefined {
  const accepted = request.headers['accept-encoding']
  if (typeof accepted !== 'string' || request.routeOptions.config.neverCompressed) return undefined
  let coding = negotiated.get(accepted)
  if (!coding) {
    const negotiator = new Negotiator({ headers: { 'accept-encoding': accepted } }) as unknown as NegotiatorOf1
    const [best] = negotiator.encodings([...codings, 'identity'], { preferred: codings })
    coding = codings.find((each) => each === best) ?? 'identity'
    negotiated.set(accepted, coding)
  }
  return coding === 'identity' ? undefined : coding
}

/** The entity tag of a representation in a coding: a strong one names bytes, so each coding has its own (RFC 9110 8.8.3.3). */
export function codedTag(etag: string, coding: Coding | undefined): string {
  if (!coding || etag.startsWith('W/')) return etag
  const suffix = `.${coding}"`
  return etag.endsWith(suffix) ? etag : etag.replace(/"$/, suffix)
}

/**
 * Whether the client has the version of this tag (RFC 9110 13.1.2). By `If-None-Match` alone: `fetch` sends
 * `Cache-Control: no-cache` beside it, which asks caches to revalidate, and this is that.
 */
export function isCurrent({ headers }: Pick<Request, 'headers'>, etag: string): boolean {
  const known = headers['if-none-match']
  return known !== undefined && fresh({ 'if-none-match': known }, { etag })
}
