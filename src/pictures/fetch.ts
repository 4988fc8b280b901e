import { Agent, buildConnector, type Dispatcher } from 'undici'
import { createPublicLookup, PrivateAddress, type Resolve } from './addresses.ts'
import { PictureFailure } from './failures.ts'

const maxBytes = 10 * 1024 * 1024
const totalMs = 5_000

/** What tests put in the place of the internet. */
export interface Network {
  resolve?: Resolve
  isAllowed?: (address: string) => boolean
  /** In the place of 443. */
  port?: number
  /** Whose certificates are trusted beside the usual ones. */
  ca?: string
  timeoutMs?: number
}

/** Bytes from an allowed address: no redirect is followed, no private address connected to, no more read than a picture has. */
export function createPictureFetch({ resolve, isAllowed, port, ca, timeoutMs = totalMs }: Network = {}) {
  const lookup = createPublicLookup({ resolve, isAllowed })
  const dial = buildConnector({ lookup, timeout: timeoutMs, allowH2: false, ...(ca && { ca }) })
  const agent = new Agent({
    connect: (options, callback) => dial({ ...options, port: String(port ?? options.port) }, callback),
    connections: 2,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    maxHeaderSize: 16_384,
  })

  return {
    /** @throws {PictureFailure} */
    async fetch(url: URL): Promise<Buffer> {
      const signal = AbortSignal.timeout(timeoutMs)
      try {
        const response = await agent.request({
          origin: url.origin,
          path: url.pathname + url.search,
          method: 'GET',
          headers: { accept: 'image/webp,image/jpeg,image/png', 'user-agent': 'kinoteka' },
          signal,
        })
        return await read(response)
      } catch (error) {
        throw error instanceof PictureFailure ? error : broken(error, signal)
      }
    },
    close: () => agent.destroy(),
  }
}

async function read({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<Buffer> {
  const refusal = refusalOf(statusCode, Number(headers['content-length'] ?? 0))
  if (refusal) {
    // Its connection is not worth the rest of the body.
    body.on('error', () => {}).destroy()
    throw refusal
  }
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxBytes) throw new PictureFailure('none', 'too_large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function refusalOf(status: number, length: number): PictureFailure | undefined {
  if (status === 404 || status === 410) return new PictureFailure('none', 'not_found')
  if (status >= 300 && status < 400) return new PictureFailure('none', 'redirect')
  if (status !== 200) return new PictureFailure('failed', 'status')
  return length > maxBytes ? new PictureFailure('none', 'too_large') : undefined
}

function broken(error: unknown, signal: AbortSignal): PictureFailure {
  if (error instanceof PrivateAddress) return new PictureFailure('none', 'private_address', error)
  const { code = '' } = error as { code?: string }
  return new PictureFailure('failed', signal.aborted || code.endsWith('TIMEOUT') ? 'timeout' : 'connection', error)
}
