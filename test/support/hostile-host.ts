import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type Address, isPublicAddress } from '../../src/pictures/addresses.ts'
import type { Network } from '../../src/pictures/fetch.ts'

const file = (name: string) => readFileSync(new URL(`../files/pictures/${name}`, import.meta.url), 'utf8')

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** A host of pictures over HTTPS that answers as a test has it. Of the addresses of this machine 127.0.0.1 alone counts as public. */
export async function startHostileHost(timeoutMs: number) {
  const answers = new Map<string, Answer>()
  const requests: string[] = []
  const lookUps: string[] = []
  const addresses = new Map<string, Address[][]>()
  const server = createServer({ key: file('key.pem'), cert: file('cert.pem') }, (request, response) => {
    const address = `${request.headers.host}${request.url}`
    requests.push(address)
    // Each fetch looks the name up.
    response.setHeader('connection', 'close')
    const answer = answers.get(address)
    if (answer) answer(request, response)
    else response.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const network: Network = {
    async resolve(host) {
      lookUps.push(host)
      const queue = addresses.get(host)
      return (queue && queue.length > 1 ? queue.shift() : queue?.[0]) ?? [{ address: '127.0.0.1', family: 4 }]
    },
    isAllowed: (address) => address === '127.0.0.1' || isPublicAddress(address),
    port: (server.address() as AddressInfo).port,
    ca: file('cert.pem'),
    timeoutMs,
  }
  let made = 0
  return {
    network,
    requests,
    lookUps,
    /** An address of a host of its own that answers so. */
    serve(answer: Answer, host = `h${++made}.pictures.example`): string {
      const path = `/${++made}.jpg`
      answers.set(`${host}${path}`, answer)
      return `https://${host}${path}`
    },
    /** What the name of an address leads to: the first time, the second, and so on; the last one stays. */
    resolveTo(url: string, ...times: string[][]): void {
      const toAddress = (address: string) => ({ address, family: address.includes(':') ? 6 : 4 })
      addresses.set(
        new URL(url).hostname,
        times.map((each) => each.map(toAddress)),
      )
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** 200 with these bytes. */
export const sending =
  (bytes: Buffer | string, headers: Record<string, string> = {}): Answer =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'image/jpeg', ...headers }).end(bytes)
  }
