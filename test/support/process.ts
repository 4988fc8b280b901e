import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, realpathSync } from 'node:fs'
import { chmod, mkdtemp, readdir, realpath, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type EmbeddedPostgres, startPostgres } from '../../src/embedded/postgres.ts'
import { refuseLeaks } from './privacy.ts'

export const repository = join(import.meta.dirname, '../..')
// A start compiles what an earlier one has not: a third of its CPU time.
const compileCache = { NODE_COMPILE_CACHE: join(repository, 'node_modules/.cache/kinoteka') }
export const isRoot = process.getuid?.() === 0
/** An account with no rights of its own: `nobody`. */
export const nobody = { uid: 65_534, gid: 65_534 }

/** A process of a test, with what it has printed. */
export interface Program {
  child: ChildProcess
  stdout(): string
  stderr(): string
  /** The first match of `pattern` on stdout, as soon as it's there; fails when the process ends without. */
  printed(pattern: RegExp): Promise<string>
  /** The exit code, or the signal that ended it. */
  ended(): Promise<number | NodeJS.Signals | null>
}

const programs: ChildProcess[] = []
const servers: EmbeddedPostgres[] = []
const folders: string[] = []
const outputs: (() => string)[] = []

/**
 * For afterEach: ends whatever the test started, and removes its folders, whatever happened. Fails when a service's log
 * held what no log may hold.
 */
export async function cleanUp(): Promise<void> {
  for (const program of programs.splice(0)) program.kill('SIGKILL')
  for (const server of servers.splice(0)) await server.stop()
  for (const folder of folders.splice(0)) {
    for (const each of [...(await standIns(folder)), folder]) {
      const sockets = endServersIn(each)
      for (const left of [...sockets, each]) await rm(left, { recursive: true, force: true, maxRetries: 5 })
    }
  }
  for (const output of outputs.splice(0)) refuseLeaks(logLines(output()))
}

/** The lines of pino among what a program has printed. */
function logLines(output: string): string {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{"level":'))
    .join('\n')
}

/** Where the links of a DATA_DIR lead: its cluster, and one that is half made. */
async function standIns(dataDir: string): Promise<string[]> {
  const names = await readdir(dataDir).catch(() => [])
  const links = names.filter((name) => name.startsWith('postgres')).map((name) => join(dataDir, name))
  const paths = await Promise.all(links.map((link) => realpath(link).catch(() => link)))
  return paths.filter((path) => /\/postgres-(new-)?[\da-f-]{36}$/.test(path))
}

/** Kills every server and initdb whose data lies in `folder`, at any depth. Returns their socket folders. */
function endServersIn(folder: string): string[] {
  const path = tryOr(() => realpathSync(folder), folder)
  const mains = pidsOn(path)
  const sockets = mains.map((pid) => /unix_socket_directories=(\/tmp\/kinoteka-\w+)/.exec(commandLine(pid))?.[1])
  const children = pids().filter((pid) => mains.includes(parentOf(pid)))
  for (const pid of [...mains, ...children]) kill(pid, 'SIGKILL')
  return sockets.filter((socket) => socket !== undefined)
}

/** A fresh folder that other accounts may pass through. */
export async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kinoteka-test-'))
  folders.push(folder)
  await chmod(folder, 0o711)
  return folder
}

/** Removed by cleanUp, with the cluster that it leads to. */
export function ownFolder(folder: string): string {
  folders.unshift(folder)
  return folder
}

export async function startServer(dataDir: string, onEnd?: (reason: string) => void): Promise<EmbeddedPostgres> {
  const server = await startPostgres({ dataDir, ...(onEnd && { onEnd }) })
  servers.push(server)
  return {
    url: server.url,
    async stop() {
      servers.splice(servers.indexOf(server), 1)
      await server.stop()
    },
  }
}

export function runNode(args: string[], options: SpawnOptions = {}): Program {
  return runProgram(process.execPath, args, options)
}

export function runProgram(command: string, args: string[], options: SpawnOptions = {}): Program {
  const env = { ...compileCache, ...options.env }
  const child = spawn(command, args, { cwd: repository, ...options, env, stdio: ['ignore', 'pipe', 'pipe'] })
  programs.push(child)
  const ending = once(child, 'close')
  const out = collect(child.stdout)
  const err = collect(child.stderr)
  outputs.push(out)
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  return {
    child,
    stdout: out,
    stderr: err,
    async printed(pattern) {
      await until(() => pattern.test(out()) || hasEnded())
      const [all, group] = pattern.exec(out()) ?? []
      if (all === undefined) throw new Error(`It ended without printing ${pattern}:\n${out()}${err()}`)
      return group ?? all
    },
    async ended() {
      await ending
      return child.exitCode ?? child.signalCode
    },
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = ''
  stream?.on('data', (chunk) => {
    text += chunk
  })
  return () => text
}

/** Waits for what must come about; generous, for slow machines. */
export async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  const began = Date.now()
  while (!(await check())) {
    const waited = Date.now() - began
    if (waited > 60_000) throw new Error(`This did not come about: ${check}`)
    // What takes long is looked at less often: a look may cost as much as what is waited for.
    await sleep(20 + waited / 10)
  }
}

/** Every server and initdb whose data folder's path begins so. */
export function pidsOn(path: string): number[] {
  return pids().filter((pid) => commandLine(pid).includes(`\0-D\0${path}`))
}

/** The processes of the PostgreSQL server on `dataDir`, the main one first. */
export function serverPids(dataDir: string): number[] {
  const path = join(dataDir, 'postgres')
  const real = tryOr(() => realpathSync(path), path)
  const main = pids().find((pid) => commandLine(pid).includes(`\0-D\0${real}\0`))
  return main === undefined ? [] : [main, ...pids().filter((pid) => parentOf(pid) === main)]
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  tryOr(() => process.kill(pid, signal), false)
}

/** Whom the server's processes run as, each once; a connection that has just ended is left out. */
export function serverUids(dataDir: string): number[] {
  const statuses = serverPids(dataDir).map((pid) => tryOr(() => readFileSync(`/proc/${pid}/status`, 'utf8'), ''))
  return [...new Set(statuses.flatMap((status) => /^Uid:\t(\d+)/m.exec(status)?.slice(1).map(Number) ?? []))]
}

export function isRunning(pid: number): boolean {
  return commandLine(pid) !== ''
}

function pids(): number[] {
  if (process.platform === 'linux') return readdirSync('/proc').map(Number).filter(Number.isInteger)
  return execFileSync('ps', ['-Ao', 'pid=']).toString().split('\n').map(Number).filter(Boolean)
}

function commandLine(pid: number): string {
  if (process.platform === 'linux') return tryOr(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'), '')
  const command = tryOr(() => execFileSync('ps', ['-o', 'command=', '-p', String(pid)]).toString(), '')
  return command.replaceAll(' ', '\0')
}

function parentOf(pid: number): number {
  if (process.platform !== 'linux')
    return Number(tryOr(() => execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)]).toString(), ''))
  const status = tryOr(() => readFileSync(`/proc/${pid}/status`, 'utf8'), '')
  return Number(/^PPid:\t(\d+)/m.exec(status)?.[1])
}

function tryOr<T>(work: () => T, otherwise: T): T {
  try {
    return work()
  } catch {
    return otherwise
  }
}
