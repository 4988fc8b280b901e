/**
 * What readers see while a read replica stands still: node bench/paused-replay.ts [seconds]
 * Two replicas of the service with DATABASE_READ_URL on a standby whose replay is paused so long. One of them changes a
 * film four times a second; both are asked for it, in the catalogue's list and its page. Prints how often what is older than
 * the own write was read where it was written, and how long the other replica took to show a change. Ends with 1 if either
 * misses its mark: never, and READ_LAG, which is a second.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../src/db/connect.ts'
import * as processes from '../test/support/process.ts'
import { startPair } from '../test/support/streaming.ts'
import { admin, isReady, logIn, startReplica } from './rolling-restart/stage.ts'

const seconds = Number(process.argv[2] ?? 60)
const markMs = 1_000
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => processes.cleanUp().finally(() => process.exit(1)))

const pair = await startPair()
try {
  const [writer, reader] = (await Promise.all([start(), start()])) as [string, string]
  const headers = await logIn(writer, admin)
  const { id: director_id } = await change<{ id: number }>('POST', '/directors', { name: 'Somebody' })
  const film = await change<{ id: number }>('POST', '/films', {
    ...{ name: 'The film', director_id, rate: 7, minutes: 90, genres: ['drama'], year: 1900 },
  })
  const standby = connect(pair.standbyUrl, { max: 1, anyServer: true })
  await standby.sql`select pg_wal_replay_pause()`
  let writes = 0
  let older = 0
  const delays: number[] = []
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await sleep(250)) {
    writes += 1
    const year = 1900 + (writes % 200)
    await change('PATCH', `/films/${film.id}`, { year })
    const written = performance.now()
    if ((await yearsAt(writer)).some((each) => each !== year)) older += 1
    while ((await yearsAt(reader)).some((each) => each !== year)) await sleep(5)
    delays.push(performance.now() - written)
  }
  const [row] = await standby.sql<{ year: number }[]>`select year from films where id = ${film.id}`
  await standby.sql`select pg_wal_replay_resume()`
  await standby.close()
  delays.sort((a, b) => a - b)
  const [median, longest] = [delays[delays.length >> 1] ?? 0, delays.at(-1) ?? 0].map(Math.round) as [number, number]
  process.stdout.write(
    `replay paused for ${seconds} s, ${writes} writes; the standby's film is still of ${row?.year ?? 'no year'}\n` +
      `older than the own write, where it was written: ${older}\n` +
      `until the other replica showed it: median ${median} ms, longest ${longest} ms\n`,
  )
  process.exitCode = older === 0 && longest <= markMs ? 0 : 1

  async function change<T>(method: string, path: string, payload: object): Promise<T> {
    const response = await fetch(writer + path, { method, headers, body: JSON.stringify(payload) })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as T
  }

  async function yearsAt(address: string): Promise<number[]> {
    const read = async (path: string) => (await (await fetch(address + path, { headers })).json()) as unknown
    const [list, page] = await Promise.all([read('/movies?page=1'), read('/films?limit=20')])
    const items = [
      ...(list as { id: number; year: number }[]),
      ...(page as { items: { id: number; year: number }[] }).items,
    ]
    return items.filter(({ id }) => id === film.id).map(({ year }) => year)
  }
} finally {
  await processes.cleanUp()
  await pair.close()
}

async function start(): Promise<string> {
  const port = await processes.freePort()
  startReplica(pair.primaryUrl, port, await processes.freshFolder(), { DATABASE_READ_URL: pair.standbyUrl })
  const address = `http://127.0.0.1:${port}`
  await processes.until(() => isReady(`${address}/readyz`))
  return address
}
