/**
 * What long lists of one user cost others: node bench/abuse/lists.ts [rounds]
 * The service with half of 768 MiB as V8's heap; one user has 20,000 films in each list, leaves 20 answers unread and reads 6
 * at a time, while another one asks GET /user. Prints a row for each round; ends with 1 if no round keeps the bounds.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import * as processes from '../../test/support/process.ts'
import { besiege, type Figures, heapFlag, seedLists } from './unread.ts'

const [rounds = 3] = process.argv.slice(2).map(Number)
const password = 'correct horse battery staple'
const folder = await processes.freshFolder()
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => processes.cleanUp().finally(() => process.exit(1)))

try {
  const { url } = await processes.startServer(folder)
  const port = await processes.freePort()
  const base = `http://127.0.0.1:${port}`
  const env = {
    DATABASE_URL: url,
    DATA_DIR: await processes.freshFolder(),
    PORT: String(port),
    JWT_SECRET: 'a secret of the bench that has more than 32 bytes',
  }
  const args = [heapFlag, '--import', './src/instrument.ts', 'src/server.ts']
  const service = processes.runNode(args, { env: { ...env, ACCESS_TTL: '1d' } })
  await service.printed(/listening/)
  let isOver = false
  service.child.once('exit', (code, signal) => {
    if (!isOver) print(`The service is gone: ${code ?? signal}\n${service.stderr()}`)
  })
  const [hostile, other] = [await registered(base, 'hostile'), await registered(base, 'somebody')]
  await seedLists(url, hostile.id)
  print('round | idle p95 | besieged p95 | RSS before | peak | growth | unread | whole | broken | kept')
  let kept = 0
  for (let round = 1; round <= rounds; round++) {
    const figures = await besiege({ base, pid: service.child.pid ?? 0, hostile: hostile.token, other: other.token })
    if (isWithin(figures)) kept++
    print(rowOf(round, figures))
    await sleep(5000)
  }
  isOver = true
  process.exitCode = kept > 0 ? 0 : 1
} finally {
  await processes.cleanUp()
}

function isWithin({ idleP95, besiegedP95, rssBefore, rssPeak, broken }: Figures): boolean {
  return besiegedP95 <= Math.max(3 * idleP95, 100) && rssPeak - rssBefore < 150 && broken === 0
}

function rowOf(round: number, figures: Figures): string {
  const { idleP95, besiegedP95, rssBefore, rssPeak, unread, whole, broken } = figures
  const [ms, mb] = [(value: number) => `${value.toFixed(1)} ms`, (value: number) => `${Math.round(value)} MB`]
  const memory = [rssBefore, rssPeak, rssPeak - rssBefore].map(mb)
  const cells = [round, ms(idleP95), ms(besiegedP95), ...memory, unread, whole, broken]
  return [...cells, isWithin(figures) ? 'yes' : 'no'].join(' | ')
}

async function registered(base: string, login: string): Promise<{ id: number; token: string }> {
  const call = async (path: string) => {
    const response = await fetch(base + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ login, password }),
    })
    if (!response.ok) throw new Error(await response.text())
    return response.json()
  }
  const { id } = (await call('/register')) as { id: number }
  const { access_token } = (await call('/login')) as { access_token: string }
  return { id, token: access_token }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
