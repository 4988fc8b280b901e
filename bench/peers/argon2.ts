/** A login that is nothing but the check of a password: HASH is everybody's. */
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { verify } from '@node-rs/argon2'

const hash = String(process.env.HASH)

const server = createServer((req, res) => {
  text(req)
    .then((body) => verify(hash, (JSON.parse(body) as { password: string }).password))
    .then(
      (fits) => res.writeHead(fits ? 200 : 401, { 'content-type': 'application/json' }).end('{}'),
      () => res.writeHead(400).end(),
    )
})
server.listen(Number(process.env.PORT), '127.0.0.1')
