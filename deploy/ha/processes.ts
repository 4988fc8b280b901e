import { spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'

const started: number[] = []

/** An account that PostgreSQL runs as: root it refuses. */
export function postgresAccount(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith('postgres:'))
  const [, , uid, gid] = line?.split(':') ?? []
  return { uid: Number(uid), gid: Number(gid) }
}

/** Starts a program in a group of its own, with its output in a file. Returns its process id. */
export function launch(command: string, args: string[], log: string, options: object = {}): number {
  const out = openSync(log, 'a')
  const child = spawn(command, args, { detached: true, stdio: ['ignore', out, out], ...options })
  child.on('error', () => {})
  closeSync(out)
  if (child.pid === undefined) throw new Error(`${command} cannot be started`)
  started.push(child.pid)
  return child.pid
}

/** A process and all that it has started, the outermost first. */
export function family(pid: number): number[] {
  const parents = new Map(processes().map((each) => [each, parentOf(each)]))
  const all = [pid]
  for (const each of all) for (const [child, parent] of parents) if (parent === each) all.push(child)
  return all
}

/** The PostgreSQL server on a data folder, with its processes; none when it does not run. */
export function serverOn(folder: string): number[] {
  const main = processes().find(
    (pid) => /\/postgres\0/.test(commandLine(pid)) && commandLine(pid).includes(`\0${folder}\0`),
  )
  return main === undefined ? [] : family(main)
}

export function signal(pids: number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name)
    } catch {} // it has ended
  }
}

/** Ends whatever was launched, also what is frozen. */
export function endAll(): void {
  for (const pid of started.splice(0)) {
    const all = family(pid)
    signal(all, 'SIGCONT')
    signal(all, 'SIGKILL')
  }
}

function processes(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger)
}

function commandLine(pid: number): string {
  return read(`/proc/${pid}/cmdline`)
}

function parentOf(pid: number): number {
  return Number(/^PPid:\t(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1])
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
