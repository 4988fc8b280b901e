/**
 * How long half-open connections shut others out: node bench/abuse/half-open.ts [connections] (5,100; more than the service
 * takes; needs as many descriptors, `ulimit -n`). One client opens them all, sends half a head, neither reads nor closes, and
 * opens another for each that ends. Prints the longest time in which nobody else got an answer of /livez; ends with 1
 * beyond 20 s.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import * as processes from '../../test/support/process.ts'

const [wanted = 5_100] = process.argv.slice(2).map(Number)
const seconds = 60
const boundMs = 20_000

try {
  const { url } = await processes.startServer(await processes.freshFolder())
  const port = await processes.freePort()
  const env = {
    DATABASE_URL: url,
    DATA_DIR: await processes.freshFolder(),
    PORT: String(port),
    JWT_SECRET: 'a secret of the bench that has more than 32 bytes',
  }
  const service = processes.runNode(['--import', './src/instrument.ts', 'src/server.ts'], { env })
  await service.printed(/listening/)

  const sockets = new Set<Socket>()
  let opened = 0
  for (let i = 0; i < wanted; i++) halfOpen()
  const longestMs = await longestSilence(seconds * 1000)
  process.stdout.write(
    '| half-open | opened in all | longest without an answer | bound | kept |\n|---|---|---|---|---|\n',
  )
  const kept = longestMs <= boundMs
  const cells = [wanted, opened, `${(longestMs / 1000).toFixed(1)} s`, `${boundMs / 1000} s`, kept ? 'yes' : 'no']
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
  process.exitCode = kept ? 0 : 1
  for (const socket of sockets) socket.destroy()

  function halfOpen(): void {
    opened++
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    sockets.add(socket.pause())
    socket.on('error', () => {})
    socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n')
    // Not in place of one that was refused at once: that would be a client that opens thousands a second.
    socket.once('close', () => sockets.delete(socket))
  }

  async function longestSilence(forMs: number): Promise<number> {
    const end = performance.now() + forMs
    let [lastAnswer, longest] = [performance.now(), 0]
    while (performance.now() < end) {
      if (await answers()) lastAnswer = performance.now()
      longest = Math.max(longest, performance.now() - lastAnswer)
      await sleep(100)
    }
    return longest
  }

  async function answers(): Promise<boolean> {
    const socket = connect({ port, host: '127.0.0.1' }).on('error', () => {})
    socket.write('GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    const [first] = await Promise.race([once(socket, 'data'), once(socket, 'close'), sleep(2_000, [])]).catch(() => [])
    socket.destroy()
    return String(first).startsWith('HTTP/1.1 200')
  }
} finally {
  await processes.cleanUp()
}
