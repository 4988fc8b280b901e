/**
 * `npm run dev`: the service as `npm start` runs it, started again after every save. The embedded PostgreSQL stays up meanwhile
 * (and with it the lock of DATA_DIR), and nobody waits for proxies to notice the end: most of a restart is the loading of code.
 */
import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { watch } from 'node:fs'
import { loadConfig, readEnvironment } from '../src/config/config.ts'
import { type EmbeddedPostgres, startPostgres } from '../src/embedded/postgres.ts'

// Without what .env says: the service reads that itself, as it is by then.
const env = { DRAIN_DELAY: '0s', NODE_COMPILE_CACHE: 'node_modules/.cache/kinoteka', ...process.env }
const settledMs = 50
// npm passes on the Ctrl-C that the terminal has sent to both.
const onePressMs = 500

const events = new EventEmitter<{ change: []; end: [] }>()
let endedAt: number | undefined

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
})

async function main(): Promise<void> {
  const { databaseUrl, dataDir } = loadConfig(readEnvironment())
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end)
  const postgres = databaseUrl ? undefined : await startPostgres({ dataDir })
  const watchers = [
    watch('src', { recursive: true }, changed(/\.(ts|json)$/)),
    watch('drizzle', { recursive: true }, changed(/\.(sql|json)$/)),
    watch('.', changed(/^\.env$/)),
  ]
  try {
    while (endedAt === undefined) await serveUntilChange(postgres)
  } finally {
    for (const watcher of watchers) watcher.close()
    await postgres?.stop()
  }
}

async function serveUntilChange(postgres: EmbeddedPostgres | undefined): Promise<void> {
  const args = ['--import', './src/instrument.ts', 'src/server.ts', ...(postgres ? [postgres.url] : [])]
  // In a group of its own: Ctrl-C reaches it through us alone.
  const service = spawn(process.execPath, args, { env, stdio: 'inherit', detached: true })
  const kill = () => service.kill('SIGKILL')
  process.on('exit', kill)
  events.once('end', kill)
  const ended = once(service, 'exit').then(() => true)
  const change = once(events, 'change').then(() => false)
  if (await Promise.race([ended, change])) {
    if (endedAt === undefined) process.stderr.write('The service has ended. It is started again after the next save.\n')
    await change
  }
  // At the end as by Ctrl-C, of which it says a word in a terminal.
  service.kill(endedAt === undefined ? 'SIGTERM' : 'SIGINT')
  await ended
  events.off('end', kill)
  process.off('exit', kill)
}

function changed(form: RegExp): (event: string, name: string | null) => void {
  let timer: NodeJS.Timeout | undefined
  return (_event, name) => {
    if (!form.test(name ?? '')) return
    clearTimeout(timer)
    timer = setTimeout(() => events.emit('change'), settledMs)
  }
}

/** The first signal ends the service and then the database, a second one the service at once. */
function end(): void {
  if (endedAt !== undefined && performance.now() - endedAt < onePressMs) return
  if (endedAt !== undefined) events.emit('end')
  endedAt = performance.now()
  events.emit('change')
}
