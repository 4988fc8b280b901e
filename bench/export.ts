import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '../src/db/connect.ts'
import { openConnection } from '../src/db/copy/connection.ts'
import { migrate } from '../src/db/migrate.ts'
import { startPostgres } from '../src/embedded/postgres.ts'
import { createExportRepository, exportQuery, exportSettings } from '../src/modules/films/csv/export-repository.ts'

// node bench/export.ts [films] [psql]: the CSV export and import of so many films, beside what COPY alone can do, and what
// \copy of the export's own query takes in the psql that is named; then the import of a full list of ratings.
const [, , size = '1000000', psql] = process.argv
const count = Number(size)
const port = 4299
const password = 'correct horse battery staple'

const plainQuery = `select id, name, original_name, director_id, rate, year, minutes, description, trailer, poster_url,
  created_at, updated_at from films where listed order by id`

const folder = await mkdtemp(join(tmpdir(), 'kinoteka-bench-'))
await chmod(folder, 0o711)
const postgres = await startPostgres({ dataDir: join(folder, 'data'), settings: { fsync: 'off' } })
const service = await start()
try {
  await fill()
  print(await limit())
  print(await limit('the table alone, columns as stored', `copy (${plainQuery}) to stdout (format csv)`))
  print(await limit('the query of the export', ''))
  const file = join(folder, 'films.csv')
  for (let i = 0; i < 3; i++) {
    if (psql) print(await copyByPsql(psql, join(folder, 'psql.csv')))
    if (psql) print(await copyByPsql(psql, join(folder, 'psql.csv'), 'the table alone, columns as stored', plainQuery))
    await measure('export', async () => ({ bytes: await download(file) }))
  }
  await measure('import of the same', () => importFile(file))
  await measure('dry run of the same', () => importFile(file, '?dry_run'))
  await wipe()
  await measure('import into an empty catalogue', () => importFile(file))
  const again = join(folder, 'again.csv')
  await download(again)
  print({ 'byte for byte': await isSame(file, again) })
  const lists = join(folder, 'lists.csv')
  const ratings = await writeRatings(lists)
  await measure(`dry run of ${ratings} ratings`, () => importFile(lists, '?dry_run', '/user/lists/import'))
  await measure(`import of ${ratings} ratings`, () => importFile(lists, '', '/user/lists/import'))
  await measure('import of the same', () => importFile(lists, '', '/user/lists/import'))
} finally {
  service.child.kill('SIGTERM')
  await once(service.child, 'exit')
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
}

/** The service as a process of its own, so that its memory can be watched. */
async function start() {
  await migrate(postgres.url)
  const child = spawn(process.execPath, ['src/server.ts'], {
    cwd: new URL('..', import.meta.url),
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      DATABASE_URL: postgres.url,
      JWT_SECRET: 'a secret of the bench that has more than 32 bytes',
      PORT: String(port),
      ADMIN_LOGIN: 'admin',
      ADMIN_PASSWORD: password,
      ACCESS_TTL: '1d',
      LOG_LEVEL: 'error',
    },
  })
  for (let i = 0; i < 100; i++) {
    const response = await fetch(`http://127.0.0.1:${port}/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ login: 'admin', password }),
    }).catch(() => undefined)
    if (response?.ok) return { child, token: ((await response.json()) as { access_token: string }).access_token }
    await sleep(200)
  }
  throw new Error('the service does not start')
}

/** By curl, which costs as little as psql: fetch would take as much CPU as the service. */
async function download(file: string): Promise<number> {
  await curl('/films/export.csv', '--fail', '-o', file)
  return (await stat(file)).size
}

/** By curl: fetch gives up when an answer takes five minutes. */
async function importFile(file: string, query = '', path = '/films/import'): Promise<object> {
  return JSON.parse(await curl(`${path}${query}`, '-F', `file=@${file}`))
}

/** As many ratings as a list may hold, in our own form. */
async function writeRatings(file: string): Promise<number> {
  const { sql, close } = connect(postgres.url, { max: 1 })
  const films = await sql<{ id: number; name: string; year: number }[]>`
    select id, name, year from films where listed order by id limit 20000`
  await close()
  const row = ({ id, name, year }: (typeof films)[number]) =>
    `ratings,${id},,,${name},,${year},${1 + (id % 10)},2024-01-02T03:04:05.678Z,2024-01-02T03:04:05.678Z`
  const head = 'list,film_id,kinopoisk_id,imdb_id,title,original_title,year,rating,added_at,updated_at'
  await writeFile(file, `${[head, ...films.map(row)].join('\r\n')}\r\n`)
  return films.length
}

async function curl(path: string, ...options: string[]): Promise<string> {
  const url = `http://127.0.0.1:${port}${path}`
  const child = spawn('curl', ['-s', '-H', `authorization: Bearer ${service.token}`, ...options, url])
  let out = ''
  for await (const chunk of child.stdout) out += chunk
  return out
}

async function fill(): Promise<void> {
  const { sql, close } = connect(postgres.url, { max: 1, deadlineMs: Number.POSITIVE_INFINITY })
  await sql`set statement_timeout = 0`
  await sql`insert into genres (name) select 'жанр ' || n from generate_series(1, 30) n`
  await sql`insert into directors (name) select 'Режиссёр ' || n from generate_series(1, 20000) n`
  await sql`
    insert into films (listed, name, original_name, director_id, rate, year, minutes, description, poster_url)
    select true, 'Фильм номер ' || n, case when n % 3 > 0 then 'Film ' || n end, 1 + n % 20000, (n % 1001) / 100.0,
      1900 + n % 120, 60 + n % 120,
      case when n % 2 = 0 then 'Описание фильма, "в кавычках", номер ' || n || repeat(' и так далее', 4) end,
      'https://posters.example/' || n || '.jpg'
    from generate_series(1, ${count}::int) n`
  await sql`insert into film_genres select id, 1 + (id + p * 7) % 30, p from films, generate_series(0, 1) p`
  await sql`vacuum analyze`
  await close()
}

async function wipe(): Promise<void> {
  const { sql, close } = connect(postgres.url, { max: 1, deadlineMs: Number.POSITIVE_INFINITY })
  await sql`truncate films, film_genres cascade`
  await sql`vacuum analyze`
  await close()
}

/** COPY alone, read as fast as it comes and thrown away; without `text` the export's own. */
async function limit(name = 'COPY of the table to nowhere', text = 'copy films to stdout (format csv)') {
  const session = await openConnection(postgres.url, { statementTimeoutMs: 0 })
  const exported = text
    ? undefined
    : await createExportRepository((options) => openConnection(postgres.url, options)).open()
  const start = performance.now()
  let bytes = 0
  for await (const chunk of exported?.rows(() => {}) ?? session.copyOut(text)) bytes += chunk.length
  exported?.close()
  session.close()
  return { name, seconds: seconds(start), bytes }
}

async function copyByPsql(program: string, file: string, of = 'the same query', query = exportQuery) {
  const commands = [exportSettings, `\\copy (${query.replace(/\s+/g, ' ')}) to '${file}' (format csv, header true)`]
  const { searchParams, username, pathname } = new URL(postgres.url)
  const account = ['-h', searchParams.get('host') ?? '', '-U', username, '-d', pathname.slice(1)]
  const start = performance.now()
  const child = spawn(program, ['-Xq', ...account, ...commands.flatMap((command) => ['-c', command])], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await once(child, 'close')
  return { name: `psql \\copy of ${of}`, seconds: seconds(start), bytes: (await stat(file)).size }
}

async function measure(name: string, work: () => Promise<object>): Promise<void> {
  const before = await rss()
  let peak = before
  let done = false
  const watch = (async () => {
    while (!done) {
      peak = Math.max(peak, await rss())
      await sleep(50)
    }
  })()
  const start = performance.now()
  const cpuBefore = await cpu()
  const result = await work()
  const took = seconds(start)
  const cpuSeconds = Math.round((await cpu()) - cpuBefore) / 100
  done = true
  await watch
  print({
    name,
    seconds: took,
    cpuSeconds,
    ...result,
    rssBeforeMiB: before,
    rssPeakMiB: peak,
    rssGrowthMiB: peak - before,
  })
}

async function rss(): Promise<number> {
  const status = await readFile(`/proc/${service.child.pid}/status`, 'utf8')
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024)
}

/** CPU time of the service, in hundredths of a second. */
async function cpu(): Promise<number> {
  const [, after = ''] = (await readFile(`/proc/${service.child.pid}/stat`, 'utf8')).split(') ')
  const fields = after.split(' ')
  return Number(fields[11]) + Number(fields[12])
}

async function isSame(a: string, b: string): Promise<boolean> {
  const hash = async (file: string) => {
    const sum = createHash('sha256')
    for await (const chunk of createReadStream(file)) sum.update(chunk)
    return sum.digest('hex')
  }
  return (await hash(a)) === (await hash(b))
}

function seconds(start: number): number {
  return Math.round((performance.now() - start) / 100) / 10
}

function print(figures: object): void {
  process.stdout.write(`${JSON.stringify(figures)}\n`)
}
