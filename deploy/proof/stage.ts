import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import postgresql from 'postgres'
import { stringify } from 'yaml'
import { startPostgres } from '../../src/embedded/postgres.ts'
import { startSandbox } from '../../src/embedded/sandbox/server.ts'
import { zoneOfHour } from '../../test/support/clock.ts'
import { outageOf } from '../../test/support/outage.ts'
import { freePort } from '../../test/support/process.ts'
import { hurriedRules, prometheusConfig } from './rules.ts'

export const repository = join(import.meta.dirname, '../..')
const dailyQuota = 400
// Where it is past 22:00: earlier in the day more is kept for refreshes, and users meet the end of the quota before it is low.
const resetTz = zoneOfHour(22)
export type Stage = Awaited<ReturnType<typeof openStage>>

/** A program that can be ended, frozen and started anew on the same port. */
export interface Started {
  child: ChildProcess
  output(): string
}

/** Two replicas over a database and a Kinopoisk in our hands, watched by Prometheus; `tools` is where its binaries lie. */
export async function openStage(tools: string) {
  const folder = await mkdtemp(join(tmpdir(), 'kinoteka-proof-'))
  await chmod(folder, 0o711)
  const postgres = await startPostgres({ dataDir: join(folder, 'data'), settings: { fsync: 'off' } })
  const database = await outageOf(postgres.url)
  const { searchParams, username, pathname, port: pgPort } = new URL(postgres.url)
  const sql = postgresql({
    host: searchParams.get('host') ?? '',
    port: Number(pgPort || 5432),
    username,
    database: pathname.slice(1),
    max: 1,
  })
  const sandbox = await startSandbox()
  const notified = new Set<string>()
  const sink = await openSink(notified)
  const ports = {
    a: await freePort(),
    b: await freePort(),
    prometheus: await freePort(),
    alertmanager: await freePort(),
  }
  const running = new Map<string, Started>()

  const start = (name: string, command: string, args: string[], env: NodeJS.ProcessEnv = {}) => {
    running.set(name, run(command, args, { cwd: repository, env }))
  }
  async function up(name: string, url: string): Promise<void> {
    const deadline = Date.now() + 60_000
    while (!(await answers(url))) {
      if (Date.now() > deadline) throw new Error(`${name} does not come up:\n${running.get(name)?.output()}`)
      await sleep(200)
    }
  }
  const environment = (port: number) => ({
    PATH: process.env.PATH,
    PORT: String(port),
    DATABASE_URL: database.url,
    DATA_DIR: join(folder, `photos-${port}`),
    JWT_SECRET: 'a secret of the proof that is longer than 32 bytes',
    ADMIN_LOGIN: 'admin',
    ADMIN_PASSWORD: 'correct horse battery',
    KINOPOISK_URL: sandbox.url,
    KINOPOISK_API_KEY: 'proof',
    KINOPOISK_DAILY_QUOTA: String(dailyQuota),
    KINOPOISK_QUOTA_RESET_TZ: resetTz,
    KINOPOISK_TIMEOUT: '4s',
    KINOPOISK_PATIENCE: '4s',
    KINOPOISK_COMPATIBLE: 'true',
    PICTURE_HOSTS: '.pictures.invalid',
    TRUST_PROXY: 'loopback',
    LOG_LEVEL: 'warn',
  })
  const node = ['--import', './src/instrument.ts', 'src/server.ts']
  const address = (name: 'a' | 'b') => `http://127.0.0.1:${ports[name]}`

  async function startReplica(name: 'a' | 'b', databaseUrl = database.url): Promise<void> {
    await mkdir(join(folder, `photos-${ports[name]}`), { recursive: true })
    // Few files to open, so that they can run out.
    start(name, 'prlimit', ['--nofile=1000:1000', process.execPath, ...node], {
      ...environment(ports[name]),
      DATABASE_URL: databaseUrl,
    })
    await up(name, `${address(name)}/readyz`)
  }

  async function writeRules(options: Parameters<typeof hurriedRules>[0] = {}): Promise<void> {
    await writeFile(join(folder, 'rules.yml'), await hurriedRules(options))
    running.get('prometheus')?.child.kill('SIGHUP')
  }

  async function startPrometheus(): Promise<void> {
    await writeRules()
    await writeFile(
      join(folder, 'prometheus.yml'),
      await prometheusConfig([ports.a, ports.b], ports.prometheus, ports.alertmanager, join(folder, 'rules.yml')),
    )
    start('prometheus', join(tools, 'prometheus'), [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'tsdb')}`,
      `--web.listen-address=127.0.0.1:${ports.prometheus}`,
      // Right after a reload it knows no Alertmanager for some seconds.
      '--rules.alert.resend-delay=5s',
    ])
    await up('prometheus', `http://127.0.0.1:${ports.prometheus}/-/ready`)
  }

  async function startAlertmanager(): Promise<void> {
    const receiver = { name: 'sink', webhook_configs: [{ url: sink.url }] }
    const route = { receiver: 'sink', group_by: ['alertname'], group_wait: '0s', group_interval: '1s' }
    await writeFile(join(folder, 'alertmanager.yml'), stringify({ route, receivers: [receiver] }))
    start('alertmanager', join(tools, 'prometheus-alertmanager'), [
      `--config.file=${join(folder, 'alertmanager.yml')}`,
      `--storage.path=${join(folder, 'alerts')}`,
      `--web.listen-address=127.0.0.1:${ports.alertmanager}`,
      '--cluster.listen-address=',
    ])
    await up('alertmanager', `http://127.0.0.1:${ports.alertmanager}/-/ready`)
  }

  async function stop(name: string, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const program = running.get(name)
    if (!program || !isRunning(program)) return
    const ended = once(program.child, 'close')
    program.child.kill(signal)
    await ended
    running.delete(name)
  }

  return {
    folder,
    database,
    sandbox,
    notified,
    running,
    address,
    prometheus: `http://127.0.0.1:${ports.prometheus}`,
    startReplica,
    startPrometheus,
    startAlertmanager,
    writeRules,
    stop,
    /** Starts anew the replicas that have ended though nobody stopped them; what they printed at their end. */
    async revive(): Promise<string[]> {
      const dead = (['a', 'b'] as const).filter((name) => !isRunning(running.get(name)))
      const outputs = dead.map((name) => running.get(name)?.output())
      for (const name of dead) if (running.has(name)) await startReplica(name)
      return outputs.filter((output) => output !== undefined)
    },
    /** Whatever Kinopoisk has told expires. */
    expireAnswers: () => sql`update kinopoisk_answers set expires_at = fetched_at`,
    /** What has changed can't be read, and can be again. */
    hideChanges: () => sql`alter table changes rename column xid to hidden`,
    showChanges: () => sql`alter table changes rename column hidden to xid`,
    /** Kinopoisk takes the key, nothing of the day's quota is spent, and the administrator may spend all of it. */
    async forgiveKey(): Promise<void> {
      await sql`update kinopoisk_accounts set blocked = null, blocked_at = null, blocked_until = null`
      await sql`delete from kinopoisk_usage`
      await sql`delete from kinopoisk_spending`
      await sql`delete from kinopoisk_key_spending`
      await sql`update users set daily_limit = -1 where login = 'admin'`
    },
    /** The administrator may cause no call. */
    refuseAdmin: () => sql`update users set daily_limit = 0 where login = 'admin'`,
    /** As if others with the same key had made so many calls today. */
    spendOutside: (calls: number) => sql`
      insert into kinopoisk_usage (key_hash, day, outside)
      select key_hash, (now() at time zone ${resetTz})::date, ${calls} from kinopoisk_accounts
      on conflict (key_hash, day) do update set outside = excluded.outside`,
    /** Films of which only a search told. */
    async partlyKnown(): Promise<number[]> {
      const rows = await sql<{ id: number }[]>`select id from films where id < 1000000000 and id not in
        (select substring(path from '^/api/v2.2/films/([0-9]+)$')::integer from kinopoisk_answers
        where path ~ '^/api/v2.2/films/[0-9]+$') limit 5`
      return rows.map(({ id }) => id)
    },
    async close() {
      for (const name of running.keys()) await stop(name)
      await sink.close()
      await sandbox.close()
      await sql.end()
      await database.close()
      await postgres.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function isRunning(program: Started | undefined): boolean {
  return program?.child.exitCode === null && program.child.signalCode === null
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(url, { signal: AbortSignal.timeout(2000) }).catch(() => undefined)
  await response?.body?.cancel()
  return response?.ok === true
}

function run(command: string, args: string[], options: { cwd: string; env: NodeJS.ProcessEnv }): Started {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk) => (output = `${output}${chunk}`.slice(-2000)))
  // What ended it stands here, before the log of its end.
  child.stderr.on('data', (chunk) => (errors = `${errors}${chunk}`.slice(-2000)))
  child.on('error', (error) => (errors += error.message))
  return { child, output: () => output + errors }
}

/** Takes what Alertmanager sends. */
async function openSink(notified: Set<string>) {
  const server = createServer(async (request, response) => {
    const { alerts } = JSON.parse(await new Response(request).text()) as { alerts: { labels: { alertname: string } }[] }
    for (const { labels } of alerts) notified.add(labels.alertname)
    response.end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  }
}
