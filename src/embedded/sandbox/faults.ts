import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type EncodingFault, encodingFaults, isEncodingFault } from './encodings.ts'
import { type OddForm, oddForms } from './odd-forms.ts'
import { failure, JSON_HEADERS, type Reply, send } from './reply.ts'

type StatusFault = 400 | 401 | 402 | 403 | 404 | 429 | 500 | 502 | 503
type Trick =
  | OddForm
  | ('hang' | 'reset' | 'bad_json' | 'wrong_shape' | 'truncated' | 'huge' | 'drip' | 'redirect' | 'html')
  | ('slow' | 'html_404' | 'path_404' | 'quota_text' | 'key_text' | 'rate_text')
export type Fault = Trick | EncodingFault | StatusFault

export interface FaultScope {
  /** Tried against the path with its query, as received; absent: every call. */
  path?: RegExp
  /** How many calls go wrong; absent: all, until `fail(null)`. */
  times?: number
}

export interface Faults {
  fail(fault: Fault | null, scope?: FaultScope): void
  next(target: string): Fault | null
}

const HUGE_CHUNKS = 800
const HUGE_CHUNK = Buffer.from('{"filmId":301,"nameRu":"Матрица"},'.repeat(1600))
const DRIP_MS = 100
const SLOW_MS = 7_000
const PAGE = '<!doctype html><title>nginx</title><h1>Something went wrong</h1>'

/** The last rule goes first; where it does not match or is used up, the earlier ones still hold. */
export function createFaults(): Faults {
  let rules: { fault: Fault | null; path: RegExp; left: number }[] = []
  return {
    fail(fault, { path, times = Number.POSITIVE_INFINITY } = {}) {
      if (fault === null && path === undefined) rules = []
      else rules = [{ fault, path: path ?? /^/, left: times }, ...rules.filter(({ left }) => left > 0)]
    },
    next(target) {
      // search, unlike test, keeps no place between calls in a /g pattern.
      const rule = rules.find(({ path, left }) => left > 0 && target.search(path) >= 0)
      if (rule === undefined) return null
      rule.left -= 1
      return rule.fault
    },
  }
}

/** The client's view: a status, or a call cut before its reply was complete. */
export function faultStatus(fault: Fault, reply: Reply): number | 'cut' {
  if (typeof fault === 'number') return fault
  if (fault === 'redirect') return 302
  if (fault === 'html_404' || fault === 'path_404') return 404
  if (fault === 'drip' || fault === 'slow' || fault in oddForms || isEncodingFault(fault)) return reply.status
  return fault === 'hang' || fault === 'reset' || fault === 'truncated' ? 'cut' : 200
}

export function misbehave(res: ServerResponse, fault: Fault, reply: Reply): void {
  if (isEncodingFault(fault)) sendEncoded(res, fault, reply)
  else if (typeof fault === 'string') TRICKS[fault](res, reply)
  // Statuses of the proxy before the API come without JSON.
  else if (fault === 502 || fault === 503) sendHtml(res, fault)
  else send(res, failure(fault, `Answered ${fault} on request`))
}

const TRICKS: Record<Trick, (res: ServerResponse, reply: Reply) => void> = {
  hang: () => {},
  slow: (res, reply) => void sleep(SLOW_MS).then(() => !res.closed && send(res, reply)),
  reset: (res) => res.req.socket.resetAndDestroy(),
  bad_json: (res) => res.writeHead(200, JSON_HEADERS).end('{"kinopoiskId": 301, "nameRu": Матрица'),
  wrong_shape: (res) => send(res, { status: 200, body: { kinopoiskId: 'film-301', year: [], films: {}, items: 0 } }),
  truncated(res) {
    const text = '{"kinopoiskId":301,"nameRu":'
    res.writeHead(200, { ...JSON_HEADERS, 'content-length': text.length * 2 })
    res.write(text, () => res.destroy())
  },
  huge: (res) => flow(res.writeHead(200, JSON_HEADERS), hugeText()),
  drip: (res, reply) => flow(res.writeHead(reply.status, JSON_HEADERS), drops(JSON.stringify(reply.body))),
  redirect: (res) => res.writeHead(302, { location: 'http://169.254.169.254/' }).end(),
  html: (res) => sendHtml(res, 200),
  odd_ids: (res, reply) => send(res, oddForms.odd_ids(reply)),
  odd_members: (res, reply) => send(res, oddForms.odd_members(reply)),
  odd_rows: (res, reply) => send(res, oddForms.odd_rows(reply)),
  odd_texts: (res, reply) => send(res, oddForms.odd_texts(reply)),
  // As a proxy, or a framework, says that an address has moved.
  html_404: (res) => sendHtml(res, 404),
  path_404: (res) => send(res, { status: 404, body: { status: 404, error: 'Not Found', path: res.req.url } }),
  quota_text: (res) =>
    send(res, failure(200, 'You exceeded the quota. You have sent 503 request, but available 500 per day')),
  key_text: (res) => send(res, failure(200, "You don't have permissions. See https://kinopoiskapiunofficial.tech")),
  rate_text: (res) => send(res, failure(200, 'Rate limit exceeded')),
}

function sendEncoded(res: ServerResponse, fault: EncodingFault, { status, body }: Reply): void {
  const { bytes, headers } = encodingFaults[fault](JSON.stringify(body))
  res.writeHead(status, { ...JSON_HEADERS, ...headers }).end(bytes)
}

function sendHtml(res: ServerResponse, status: number): void {
  res.writeHead(status, { 'content-type': 'text/html' }).end(PAGE)
}

// A client that disconnects is the purpose of these: no failure of ours.
function flow(res: ServerResponse, source: Iterable<Buffer> | AsyncIterable<Buffer>): void {
  pipeline(Readable.from(source, { objectMode: false }), res).catch(() => {})
}

function* hugeText(): Generator<Buffer> {
  yield Buffer.from('{"keyword":"матрица","pagesCount":1,"films":[')
  for (let sent = 0; sent < HUGE_CHUNKS; sent += 1) yield HUGE_CHUNK
  yield Buffer.from('{"filmId":301}],"searchFilmsCountResult":1}')
}

async function* drops(text: string): AsyncGenerator<Buffer> {
  for (const byte of Buffer.from(text)) {
    yield Buffer.of(byte)
    await sleep(DRIP_MS)
  }
}
