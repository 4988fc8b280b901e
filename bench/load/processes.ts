import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What is measured runs on one core, the load and the database on another; with one core there is nothing to pin. */
export const serverCore = availableParallelism() > 1 ? '0' : undefined
export const loadCore = availableParallelism() > 1 ? '1' : undefined

export interface Program {
  name: string
  pid: number
  stop(signal?: NodeJS.Signals): Promise<void>
}

interface Options {
  core?: string | undefined
  cwd?: string
  env?: Record<string, string>
  /** A file for what it prints. */
  log: string
  account?: { uid: number; gid: number } | undefined
}

const stops: (() => Promise<unknown>)[] = []
const running = new Set<ChildProcess>()
/** Aborted when all is to end: nothing is started any more. */
export const stopping = new AbortController()
let ending: Promise<void> | undefined

/** To be undone at the end, in reverse order. */
export function atEnd(stop: () => Promise<unknown>): void {
  stops.push(stop)
}

export function endAll(): Promise<void> {
  stopping.abort()
  ending ??= undo()
  return ending
}

async function undo(): Promise<void> {
  for (const stop of stops.splice(0).toReversed())
    await stop().catch((error) => process.stderr.write(`${(error as Error).message}\n`))
}

// Whatever ends this process, nothing that it started is left.
process.once('exit', () => {
  for (const child of running) child.kill('SIGQUIT')
})

/** In a process group of its own: Ctrl-C reaches this process alone, which stops the others in order. */
export function launch(name: string, command: string[], { core, cwd, env = {}, log, account }: Options): Program {
  stopping.signal.throwIfAborted()
  const [program = '', ...args] = core === undefined ? command : ['taskset', '-c', core, ...command]
  const out = openSync(log, 'a')
  const { PATH = '', HOME = '/' } = process.env
  const child = spawn(program, args, {
    ...account,
    ...(cwd && { cwd }),
    env: { PATH, HOME, ...env },
    detached: true,
    stdio: ['ignore', out, out],
  })
  closeSync(out)
  child.on('error', () => {})
  running.add(child)
  const ended = once(child, 'close').then(
    () => running.delete(child),
    () => running.delete(child),
  )
  return {
    name,
    pid: child.pid ?? 0,
    async stop(signal = 'SIGTERM') {
      if (!running.has(child)) return
      child.kill(signal)
      const hurry = setTimeout(() => child.kill('SIGKILL'), 15_000)
      await ended
      clearTimeout(hurry)
    },
  }
}

/** Waits until `url` answers at all. */
export async function answering(program: Program, url: string, log: string): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    if (await fetch(url).catch(() => undefined)) return
    if (![...running].some(({ pid }) => pid === program.pid)) break
    await sleep(100)
  }
  throw new Error(`${program.name} does not start:\n${(await readFile(log, 'utf8')).slice(-2000)}`)
}

/** Seconds of CPU that `pid` and all below it have taken, those that have ended included. */
export async function cpuSeconds(pid: number): Promise<number> {
  const times = (await tree(pid)).flatMap(({ fields }) => fields.slice(11, 15))
  return times.reduce((sum, ticks) => sum + Number(ticks), 0) / 100
}

/** Peak of resident memory since `resetPeak`, of `pid` and all below it, in MB. */
export const peakMemory = (pid: number) => memory(pid, /VmHWM:\s+(\d+)/)
export const memoryNow = (pid: number) => memory(pid, /VmRSS:\s+(\d+)/)

export async function resetPeak(pid: number): Promise<void> {
  for (const each of await tree(pid)) await writeFile(`/proc/${each.pid}/clear_refs`, '5').catch(() => {})
}

/** Puts `pid` and all below it on these cores: what it starts later follows. */
export async function pin(pid: number, core: string | undefined): Promise<void> {
  if (core === undefined) return
  for (const each of await tree(pid)) await run('taskset', ['-a', '-c', '-p', core, String(each.pid)]).catch(() => {})
}

/** This process too keeps off the core of what is measured. */
export async function pinSelf(): Promise<void> {
  if (loadCore !== undefined) await run('taskset', ['-a', '-c', '-p', loadCore, String(process.pid)])
}

async function memory(pid: number, line: RegExp): Promise<number> {
  const texts = await Promise.all(
    (await tree(pid)).map((each) => readFile(`/proc/${each.pid}/status`, 'utf8').catch(() => '')),
  )
  return texts.reduce((sum, text) => sum + Number(line.exec(text)?.[1] ?? 0), 0) / 1024
}

interface Stat {
  pid: number
  /** Of /proc/PID/stat behind the name: state, parent, … */
  fields: string[]
}

async function tree(pid: number): Promise<Stat[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const all = await Promise.all(
    pids.map(async (each) => {
      const text = await readFile(`/proc/${each}/stat`, 'utf8').catch(() => '')
      return { pid: each, fields: text.slice(text.lastIndexOf(')') + 2).split(' ') }
    }),
  )
  const below = (parent: number): Stat[] =>
    all.filter(({ fields }) => Number(fields[1]) === parent).flatMap((each) => [each, ...below(each.pid)])
  return [...all.filter((each) => each.pid === pid), ...below(pid)]
}
