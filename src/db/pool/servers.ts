import { type Address, readAddresses } from './address.ts'
import { noteTimeline, onPromotion } from './fence.ts'
import { askMs, createHost, type Host, isUsable, noPrimary, type ServerState, stateOf, unfitness } from './host.ts'
import { createInquirer, readIdentity } from './identity.ts'
import { withinOwnTime } from './own-time.ts'

/** The servers of one URL. One of them is the primary, to which all connections of this process go. */
export interface Servers {
  /** The primary in use. Rejects when no server takes writes. */
  primary(): Promise<Address>
  /** What every new connection is asked before its first query, and whether it may have one. */
  inspection: { readonly query: string; accepts(rows: readonly unknown[]): boolean }
  /** Asks the primary; what is wrong with it, or undefined when it replies. */
  fault(): Promise<Error | undefined>
  /** `listener` is called when another primary is in use: connections to the old one are to be dropped. */
  onMove(listener: () => void): () => void
  /** `listener` is called once for each server that is refused although it would take writes. */
  onRefusal(listener: (message: string) => void): () => void
  states(): { server: string; state: ServerState }[]
}

const choiceMs = 5_000
const registry = new Map<string, { servers: ReturnType<typeof openServers>; users: number }>()

/**
 * The servers of `url`, the same for all that use them in this process, whatever else their URL says; `release` when that
 * ends. Who is the last to release them forgets what they are: a silent one is waited for again.
 */
export function useServers(url: string): { servers: Servers; release: () => void } {
  const key = JSON.stringify(readAddresses(url))
  const entry = registry.get(key) ?? { servers: openServers(url), users: 0 }
  registry.set(key, entry)
  entry.users++
  let isInUse = true
  const release = () => {
    if (!isInUse) return
    isInUse = false
    if (--entry.users > 0) return
    registry.delete(key)
    entry.servers.close()
  }
  return { servers: entry.servers, release }
}

/** The one server of `url`, whatever it is: whoever reads of it checks what it has. */
export function useServer(url: string): { servers: Servers; release: () => void } {
  const [address] = readAddresses(url) as [Address]
  const inquirer = createInquirer(address)
  const none = () => () => {}
  const servers: Servers = {
    primary: async () => address,
    inspection: { query: 'select 1', accepts: () => true },
    async fault() {
      const reply = await inquirer.ask(askMs)
      return reply.state === 'silent' || reply.state === 'gone' ? reply.error : undefined
    },
    onMove: none,
    onRefusal: none,
    states: () => [],
  }
  return { servers, release: inquirer.close }
}

function openServers(url: string): Servers & { close(): void } {
  const hosts = readAddresses(url).map((address) => createHost(address, onReply))
  const [first] = hosts as [Host]
  const isAlone = hosts.length === 1
  const moves = new Set<() => void>()
  const refusals = new Set<(message: string) => void>()
  const logged = new Set<string>()
  /** Of the cluster that the first primary belonged to. */
  let system: string | undefined
  let chosen: Host | undefined
  /** Where connections may be open. */
  let used: Host | undefined
  let choice = Promise.withResolvers<Host | undefined>()
  let closed = false

  /** Once for each, as soon as somebody listens. */
  function refuse(host: Host, reason: string): void {
    const message = `${host.name} would take writes, but is refused: it ${reason}`
    if (logged.has(message) || refusals.size === 0) return
    logged.add(message)
    for (const listener of refusals) listener(message)
  }

  function onReply(host: Host): void {
    if (closed) return
    if (host.reply?.state === 'known') {
      const unfit = unfitness(host.reply.identity, system)
      if (unfit?.isRefusal) refuse(host, unfit.reason)
      if (!unfit) noteTimeline(host.reply.identity)
    }
    if (!isAlone) review()
  }

  /** Takes another primary when the one in use is none any more. */
  function review(): void {
    if (chosen && !isUsable(chosen, system)) chosen = undefined
    if (!chosen) choose()
  }

  function choose(): void {
    const best = newest(hosts.filter((host) => isUsable(host, system)))
    if (!best) return
    // It may be an old primary that has come back: the others are asked after it, unless they are silent anyway.
    const open = hosts.filter((host) => host !== best && host.askedAt < best.since && host.reply?.state !== 'silent')
    for (const host of open) host.wake()
    if (open.length === 0) take(best)
  }

  function take(host: Host): void {
    if (host.reply?.state === 'known') system ??= host.reply.identity.system
    const isMove = used !== undefined && used !== host
    chosen = used = host
    choice.resolve(host)
    choice = Promise.withResolvers()
    if (isMove) move()
  }

  function move(): void {
    for (const listener of [...moves]) listener()
  }

  /** Whatever is connected, is connected to the server before the promotion. */
  const stop = onPromotion((its) => {
    if (its !== system || closed) return
    if (!isAlone) used = undefined
    move()
    if (!isAlone) review()
  })

  async function follow(host: Host): Promise<void> {
    while (!closed) {
      await host.ask()
      await host.pause()
    }
  }

  /** One server alone is asked when there is reason to, and at first for what it may be asked. */
  async function beginAlone(): Promise<void> {
    await first.ask()
    first.rest()
    take(first)
  }

  let beginning: Promise<void> | undefined
  if (!isAlone) for (const host of hosts) void follow(host)

  async function current(limitMs: number): Promise<Host | undefined> {
    if (isAlone) {
      beginning ??= beginAlone()
      await beginning
    }
    return chosen ?? withinOwnTime(choice.promise, limitMs)
  }

  return {
    async primary() {
      const host = await current(choiceMs)
      if (!host || closed) throw noPrimary(hosts, system)
      return host.address
    },
    inspection: {
      get query() {
        return (chosen ?? first).query()
      },
      accepts([row]) {
        if (!row) return false
        const identity = readIdentity(row as Record<string, unknown>)
        if (isAlone) first.reply = { state: 'known', identity }
        const unfit = unfitness(identity, system)
        if (unfit?.isRefusal) refuse(chosen ?? first, unfit.reason)
        if (unfit) return false
        system ??= identity.system
        noteTimeline(identity)
        return true
      },
    },
    async fault() {
      const host = await current(askMs)
      if (!host) return noPrimary(hosts, system)
      const { state } = await host.ask()
      return state === 'busy' || isUsable(host, system) ? undefined : noPrimary([host], system)
    },
    onMove: (listener) => subscribe(moves, listener),
    onRefusal: (listener) => subscribe(refusals, listener),
    states: () => hosts.map((host) => ({ server: host.name, state: stateOf(host, system) })),
    close() {
      closed = true
      stop()
      choice.resolve(undefined)
      for (const host of hosts) {
        host.wake()
        host.close()
      }
    },
  }
}

/** Of the cluster of the first one, that on the highest timeline. */
function newest(primaries: Host[]): Host | undefined {
  const identityOf = ({ reply }: Host) => (reply?.state === 'known' ? reply.identity : undefined)
  const [first] = primaries
  return primaries
    .filter((host) => first && identityOf(host)?.system === identityOf(first)?.system)
    .toSorted((a, b) => (identityOf(b)?.timeline ?? 0) - (identityOf(a)?.timeline ?? 0))[0]
}

function subscribe<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
