import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { migrate } from '../../src/db/migrate.ts'
import { startSandbox } from '../../src/embedded/sandbox/server.ts'
import { makeFilms } from '../quota-day/films.ts'
import { randomNumbers } from '../quota-day/random.ts'
import { seed } from '../seed.ts'
import { startPeer, type Target } from './peers.ts'
import { each, password, sampleIds, seedAnswers, seedFavourites, seedPeople } from './people.ts'
import type { Server } from './postgres.ts'
import { answering, atEnd, launch, loadCore, pin, serverCore } from './processes.ts'

const root = join(import.meta.dirname, '../..')
const port = 4110
const base = `http://127.0.0.1:${port}`
/** Those that `npm start` gives to Node. */
export const startFlags = readFileSync(join(root, 'tools/kinoteka'), 'utf8').match(/--(max|heap)-\S+/g) ?? []
const kinopoiskFilms = 5_000
const searches = 200
const tokens = 200

export interface Reader {
  id: number
  token: string
  /** For upstream's own addresses. */
  key: string
}

/** A seeded database with all that is compared on it. */
export interface Stage {
  films: number
  database: string
  server: Server
  targets: Map<string, Target>
  service: Target
  ids: number[]
  kinopoiskIds: number[]
  queries: string[]
  /** Users who are logged in, the first an administrator. */
  readers: Reader[]
  /** Another process of the service, with other variables and flags of Node. */
  start(port: number, env: Record<string, string>, flags?: string[]): Target
  stop(): Promise<void>
}

interface Options {
  films: number
  peers: string[]
  temporary: string
  say(line: string): void
}

export async function openStage(server: Server, { films, peers, temporary, say }: Options): Promise<Stage> {
  const database = `films_${films}`
  const url = server.url(database)
  await pin(server.pid, loadCore && `${serverCore},${loadCore}`)
  say(`seeding ${films} films`)
  await server.createDatabase(database)
  await migrate(url)
  await seed(url, films)
  const passwordHash = await seedPeople(url)
  const told = makeFilms(kinopoiskFilms, randomNumbers(7))
  const queries = wordsOf(told.map(({ name_ru }) => name_ru ?? ''))
  const sandbox = await startSandbox({ films: told })
  atEnd(sandbox.close)
  await seedAnswers(url, sandbox.url, told, queries)

  say('starting the service and its peers')
  const log = join(temporary, `service-${films}.log`)
  const startService = (at: number, more: Record<string, string> = {}, flags = startFlags) => ({
    ...launch('Kinoteka', [process.execPath, ...flags, '--import', './src/instrument.ts', 'src/server.ts'], {
      core: serverCore,
      cwd: root,
      log,
      env: { ...environment, PORT: String(at), ...more },
    }),
    port: at,
  })
  const environment = {
    DATABASE_URL: url,
    DATA_DIR: join(temporary, 'service'),
    JWT_SECRET: 'a secret of the bench that has more than 32 bytes',
    PUBLIC_CATALOGUE: 'true',
    ACCESS_TTL: '1d',
    LOG_LEVEL: 'info',
    // All that the scenarios read, one after the other, fits.
    MEMORY_CACHE_MB: '256',
    KINOPOISK_URL: sandbox.url,
    KINOPOISK_API_KEY: 'bench',
    KINOPOISK_DAILY_QUOTA: '-1',
    KINOPOISK_COMPATIBLE: 'true',
  }
  const service = startService(port)
  // So that what its memory is worth shows.
  const uncached = startService(port + 1, { MEMORY_CACHE_MB: '0' })
  for (const each of [service, uncached]) {
    atEnd(each.stop)
    await answering(each, `http://127.0.0.1:${each.port}/livez`, log)
  }

  const readers = await logIn()
  const kinopoiskIds = told.map(({ id }) => id)
  const [first] = readers
  const ask = async (path: string) => {
    for (let tries = 1; ; tries += 1) {
      const answer = await fetch(base + path, { headers: { authorization: `Bearer ${first?.token}` } })
      const text = await answer.text()
      const how = String(answer.headers.get('cache-status'))
      if (answer.ok && how.includes('hit')) return
      // Where the machine has other work to do, the service may find itself overloaded.
      if (answer.status !== 503 || tries > 10) throw new Error(`${path} is no hit: ${answer.status} ${how} ${text}`)
      await sleep(1000)
    }
  }
  // So it comes to know these films the way it does in service.
  await each([...kinopoiskIds.map((id) => `/movies/${id}`), ...queries.map(searchPath)], 4, ask)
  await seedFavourites(url)

  const targets = new Map<string, Target>([
    ['ours', service],
    ['uncached', uncached],
  ])
  const env = { ...server.env(database), HASH: passwordHash, SERVICE: base, KEY: first?.key ?? '' }
  for (const name of peers) {
    const peer = await startPeer(name, temporary, env)
    if (peer) targets.set(name, peer)
    if (peer) atEnd(peer.stop)
  }
  await pin(server.pid, loadCore)
  return {
    films,
    database,
    server,
    targets,
    service,
    ids: await sampleIds(url),
    kinopoiskIds,
    queries,
    readers,
    start: startService,
    async stop() {
      await Promise.all([...targets.values()].map((target) => target.stop()))
      await sandbox.close()
    },
  }
}

export function searchPath(query: string): string {
  return `/movies/search?${new URLSearchParams({ query })}`
}

async function logIn(): Promise<Reader[]> {
  const readers: Reader[] = []
  const numbers = Array.from({ length: tokens }, (_, index) => index + 1)
  await each(numbers, 4, async (number) => {
    const answer = await fetch(`${base}/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ login: `reader${number}`, password }),
    })
    if (!answer.ok) throw new Error(`Logging in: ${answer.status} ${await answer.text()}`)
    const { access_token: token } = (await answer.json()) as { access_token: string }
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const user = await fetch(`${base}/user`, { headers })
    const { id } = (await user.json()) as { id: number }
    const body = JSON.stringify({ name: 'bench', scopes: ['gateway'] })
    const made = await fetch(`${base}/user/keys`, { method: 'POST', headers, body })
    readers.push({ id, token, key: ((await made.json()) as { key: string }).key })
  })
  return readers.toSorted((a, b) => a.id - b.id)
}

/** The words that titles are made of, as they are typed. */
function wordsOf(titles: string[]): string[] {
  const words = titles.flatMap((title) => title.toLowerCase().split(' ')).filter((word) => word.length > 3)
  return [...new Set(words)].slice(0, searches)
}
