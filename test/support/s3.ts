import { createHash, createHmac } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface S3rver {
  run(): Promise<AddressInfo>
  close(): Promise<void>
}
// No types come with it, and it is CommonJS.
const S3rver = createRequire(import.meta.url)('s3rver') as new (options: object) => S3rver

// The one account that s3rver knows.
const account = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' }
const bucket = 'photos'

/** The environment that leads the service to a server at `url`. */
export function s3Environment(url: string): Record<string, string> {
  return {
    S3_ENDPOINT: url,
    S3_REGION: 'us-east-1',
    S3_BUCKET: bucket,
    S3_ACCESS_KEY_ID: account.accessKeyId,
    S3_SECRET_ACCESS_KEY: account.secretAccessKey,
  }
}

/** The settings of createS3Storage for a server at `endpoint`. */
export function s3Settings(endpoint: string) {
  return { endpoint, region: 'us-east-1', bucket, ...account, checksums: 'when_supported' as const, timeoutMs: 3000 }
}

/** A server that speaks S3 and keeps what it is sent. At a host `s3.domain` it also answers to `bucket.s3.domain`. */
export async function startS3(host = '127.0.0.1') {
  const directory = await mkdtemp(join(tmpdir(), 'kinoteka-s3-'))
  const options = { address: '127.0.0.1', port: 0, silent: true, directory, serviceEndpoint: host.replace(/^s3\./, '') }
  const server = new S3rver({ ...options, configureBuckets: [{ name: bucket, configs: [] }] })
  const { port } = await server.run()
  return {
    url: `http://${host}:${port}`,
    /** The keys of the objects. */
    async keys(): Promise<string[]> {
      const suffix = '._S3rver_object'
      const files = await readdir(join(directory, bucket), { recursive: true })
      return files.filter((name) => name.endsWith(suffix)).map((name) => name.slice(0, -suffix.length))
    },
    async close() {
      await server.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

export type Fault = 'none' | 'forbidden' | 'error' | 'slow down' | 'html' | 'reset' | 'hang' | 'late'

interface S3Call {
  method: string
  host: string
  path: string
  headers: IncomingMessage['headers']
  /** The signature is that of the account, and the hash that of the bytes. */
  isAuthentic: boolean
}

export type FaultyS3 = Awaited<ReturnType<typeof startFaultyS3>>

/** What S3 does on a bad day. `failures`: how many calls fail before all is well again. */
export async function startFaultyS3() {
  const calls: S3Call[] = []
  const objects = new Map<string, Buffer>()
  const state = { fault: 'none' as Fault, failures: Number.POSITIVE_INFINITY, calls, objects }
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const { method = '', url = '', headers } = request
    const path = url.split('?', 1)[0] ?? ''
    calls.push({ method, path, host: headers.host ?? '', headers, isAuthentic: isAuthentic(request, body) })
    const fails = state.fault !== 'none' && state.failures > 0
    if (fails) state.failures--
    if (!fails || state.fault === 'late') {
      if (method === 'PUT') objects.set(path, body)
      if (method === 'DELETE') objects.delete(path)
    }
    if (fails) fail(state.fault, response)
    else response.writeHead(method === 'DELETE' ? 204 : 200).end(method === 'GET' ? objects.get(path) : '')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return Object.assign(state, {
    port,
    url: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}

function fail(fault: Fault, response: ServerResponse): void {
  const errors: Partial<Record<Fault, [number, string]>> = {
    forbidden: [403, 'AccessDenied'],
    error: [500, 'InternalError'],
    'slow down': [503, 'SlowDown'],
  }
  const [status, code] = errors[fault] ?? []
  if (status) {
    const xml = `<Error><Code>${code}</Code><Message>secret text of S3</Message><Key>secret-key</Key></Error>`
    response.writeHead(status, { 'content-type': 'application/xml' }).end(`<?xml version="1.0"?>${xml}`)
  } else if (fault === 'html') {
    response.writeHead(502, { 'content-type': 'text/html' }).end('<html>secret text of a proxy</html>')
  } else if (fault === 'reset') {
    response.socket?.resetAndDestroy()
  }
  // hang, late: no answer; `late` has done what was asked.
}

/** Signature version 4, of the header or of the query, worked out anew from its definition. */
function isAuthentic({ headers, method, url }: IncomingMessage, body: Buffer): boolean {
  const { pathname, searchParams } = new URL(url ?? '', 'http://s3')
  const form = /^AWS4-HMAC-SHA256 Credential=[^/]+\/([^,]+), SignedHeaders=([^,]+), Signature=(\w+)$/
  const [, ...inHeader] = form.exec(headers.authorization ?? '') ?? []
  const inQuery = ['Credential', 'SignedHeaders', 'Signature'].map((name) => searchParams.get(`X-Amz-${name}`) ?? '')
  const [credential = '', signed = '', signature] = inHeader.length > 0 ? inHeader : inQuery
  const scope = credential.replace(`${account.accessKeyId}/`, '')
  const date = headers['x-amz-date'] ?? searchParams.get('X-Amz-Date')
  const hash = inHeader.length > 0 ? sha256(body) : 'UNSIGNED-PAYLOAD'

  const query = [...searchParams].filter(([name]) => name !== 'X-Amz-Signature').toSorted()
  const canonicalQuery = query.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')
  const names = signed.split(';')
  const lines = names.map((name) => `${name}:${headers[name]}\n`).join('')
  const canonical = [method, pathname, canonicalQuery, lines, signed, hash].join('\n')
  const text = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')
  const hmac = (key: string | Buffer, value: string) => createHmac('sha256', key).update(value).digest()
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${account.secretAccessKey}`)
  return (
    hmac(key, text).toString('hex') === signature &&
    names.includes('host') &&
    (inHeader.length === 0 || headers['x-amz-content-sha256'] === hash)
  )
}

function sha256(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex')
}
