import { execFile } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

export interface RunningServer {
  pid: number
  socketDir: string
}

/** Where `startPostgres` puts its socket; a folder of this form is ours to remove. */
export const socketDirPrefix = '/tmp/kinoteka-'

const socketDirForm = new RegExp(`unix_socket_directories=(${socketDirPrefix}\\w+)`)
const fastMs = 10_000
const giveUpMs = 60_000

/** The server that runs on a data folder, if it's one that a service started. */
export async function findServer(path: string): Promise<RunningServer | undefined> {
  const noted = await readPidFile(path)
  return noted && ours(noted)
}

/**
 * Ends the server that a killed service left behind, and removes what it would stumble over after a crash. The caller
 * must have locked DATA_DIR: the server of a live service looks the same here.
 */
export async function clearLeftovers(path: string): Promise<void> {
  const noted = await readPidFile(path)
  if (!noted) return
  const left = await ours(noted)
  if (left) await end(left)
  const command = await commandLine(noted.pid)
  if (command?.includes('postgres')) return // started by hand: PostgreSQL will refuse to start beside it
  // Another program that got the same number (usual in containers) would keep PostgreSQL from starting.
  if (command !== undefined) await rm(join(path, 'postmaster.pid'), { force: true })
  const socketDir = left?.socketDir ?? noted.socketDir
  if (socketDir.startsWith(socketDirPrefix)) await rm(socketDir, { recursive: true, force: true })
}

/** postmaster.pid: line 1 the process, line 5 the socket folder, which comes a moment later. */
async function readPidFile(path: string): Promise<RunningServer | undefined> {
  const lines = (await readFile(join(path, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
  const pid = Number(lines[0])
  return pid > 0 ? { pid, socketDir: lines[4] ?? '' } : undefined
}

/** The socket folder is new on every start, and in the command line: another program with the same number has another. */
async function ours({ pid, socketDir: noted }: RunningServer): Promise<RunningServer | undefined> {
  const [, socketDir] = socketDirForm.exec((await commandLine(pid)) ?? '') ?? []
  return socketDir && (noted === '' || noted === socketDir) ? { pid, socketDir } : undefined
}

/** Undefined when there's no such process, empty for one that has ended but was not waited for. */
function commandLine(pid: number): Promise<string | undefined> {
  const read =
    process.platform === 'linux'
      ? readFile(`/proc/${pid}/cmdline`, 'utf8')
      : promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).then(({ stdout }) => stdout)
  return read.catch(() => undefined)
}

/** Fast shutdown (open transactions are rolled back), immediate after 10 s. */
async function end(server: RunningServer): Promise<void> {
  const start = Date.now()
  for (let signal: NodeJS.Signals = 'SIGINT'; await ours(server); await sleep(50)) {
    const waited = Date.now() - start
    if (waited > giveUpMs) throw new Error(`PostgreSQL (process ${server.pid}) does not end: end it, then start again`)
    if (waited > fastMs) signal = 'SIGQUIT'
    send(server.pid, signal)
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
