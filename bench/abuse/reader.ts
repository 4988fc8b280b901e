/**
 * Reads URL with TOKEN, COUNT answers at a time, again and again until it gets SIGTERM; then prints how many came whole:
 * node bench/abuse/reader.ts URL COUNT
 */
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'

const [, , url = '', count = '1'] = process.argv
const { TOKEN = '' } = process.env
const told = { whole: 0, broken: 0, bytes: 0 }
let isOver = false

process.once('SIGTERM', () => {
  isOver = true
})
await Promise.all(Array.from({ length: Number(count) }, readAgainAndAgain))
process.stdout.write(JSON.stringify(told))

async function readAgainAndAgain(): Promise<void> {
  while (!isOver) {
    const bytes = await readOnce().catch(() => 0)
    told.bytes += bytes
    told[bytes > 0 ? 'whole' : 'broken']++
  }
}

/** How many bytes a whole answer has. */
async function readOnce(): Promise<number> {
  const request = get(url, { headers: { authorization: `Bearer ${TOKEN}` } })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let bytes = 0
  let last = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    last = chunk.at(-1) ?? 0
  }
  if (response.statusCode !== 200 || last !== ']'.charCodeAt(0)) throw new Error(`${response.statusCode}`)
  return bytes
}
