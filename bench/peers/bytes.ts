/** The limit of Node: the bytes of the service's own answers by node:http, and nothing else. */
import { createServer, type ServerResponse } from 'node:http'

const { PORT, SERVICE = '', KEY = '' } = process.env
const bodies = new Map<string, Buffer>()

function send(res: ServerResponse, body: Buffer): void {
  res.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': body.length })
  res.end(body)
}

async function load(url: string): Promise<Buffer> {
  const answer = await fetch(SERVICE + url, { headers: { 'x-api-key': KEY } })
  const body = Buffer.from(await answer.arrayBuffer())
  if (answer.ok) bodies.set(url, body)
  return body
}

createServer((req, res) => {
  const url = String(req.url)
  const body = bodies.get(url)
  if (body) send(res, body)
  else
    load(url).then(
      (loaded) => send(res, loaded),
      () => res.writeHead(502).end(),
    )
}).listen(Number(PORT), '127.0.0.1')
