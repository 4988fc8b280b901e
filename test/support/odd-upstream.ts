import { serve } from './movies.ts'

export interface OddReply {
  status?: number
  body?: string
  headers?: Record<string, string>
}

/** What is odd at a path; undefined: nothing. */
type Oddity = (path: string) => OddReply | undefined

const account = { totalQuota: { value: -1, used: 0 }, dailyQuota: { value: -1, used: 0 }, accountType: 'FREE' }

/** An upstream that knows every film by its id, and one film for every search; and that answers oddly where it should. */
export async function oddUpstream() {
  const calls: string[] = []
  let oddity: Oddity = () => undefined
  const { url, close } = await serve(({ url: path = '' }, response) => {
    if (!path.includes('/api_keys/')) calls.push(path)
    const { status = 200, body = '', headers = {} } = oddity(path) ?? { body: JSON.stringify(proper(path)) }
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  })
  return {
    url,
    close,
    /** The paths asked for, without those about the key's account. */
    calls,
    callsOf: (part: string) => calls.filter((path) => path.includes(part)).length,
    /** From now on; without one all is well again. */
    be(next: Oddity = () => undefined) {
      oddity = next
    },
  }
}

export type OddUpstream = Awaited<ReturnType<typeof oddUpstream>>

function proper(path: string): unknown {
  const [, id] = /\/films\/(\d+)$/.exec(path) ?? []
  if (id) return { kinopoiskId: Number(id), nameRu: `Фильм ${id}`, year: 2000, ratingKinopoisk: 7 }
  if (path.includes('/api_keys/')) return account
  if (path.includes('/staff')) return []
  if (path.includes('/films?')) return { total: 0, totalPages: 0, items: [] }
  const keyword = new URLSearchParams(path.split('?')[1]).get('keyword')
  return { keyword, pagesCount: 1, films: [{ filmId: 900, nameRu: keyword }], searchFilmsCountResult: 1 }
}

/** Under every address of films and searches. */
export const everywhere =
  (reply: OddReply): Oddity =>
  (path) =>
    path.includes('/api_keys/') ? undefined : reply

export const under =
  (part: string | RegExp, reply: OddReply): Oddity =>
  (path) =>
    (typeof part === 'string' ? path.includes(part) : part.test(path)) ? reply : undefined

export const html404: OddReply = {
  status: 404,
  body: '<html><h1>404 Not Found</h1></html>',
  headers: { 'content-type': 'text/html' },
}
