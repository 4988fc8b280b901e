import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'

export interface Reply {
  status: number
  body: unknown
}

export const JSON_HEADERS = {
  server: 'nginx/1.24.0',
  'content-type': 'application/json',
  vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
}

export function failure(status: number, message: string): Reply {
  return { status, body: { message } }
}

/** Sends JSON in chunks, without a length, gzipped if the client accepts that. */
export function send(res: ServerResponse, { status, body }: Reply): void {
  const text = JSON.stringify(body)
  if (/\bgzip\b/i.test(String(res.req.headers['accept-encoding']))) {
    res.writeHead(status, { ...JSON_HEADERS, 'content-encoding': 'gzip' })
    res.write(gzipSync(text))
  } else {
    res.writeHead(status, JSON_HEADERS)
    res.write(text)
  }
  // A separate end: with the text itself Node would send its length instead of chunks.
  res.end()
}
