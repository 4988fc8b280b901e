import { type Address, isSocket } from './address.ts'
import { isOutdated, newestTimeline } from './fence.ts'
import { createInquirer, type Identity, type Reply } from './identity.ts'
import { connectionLost } from './tracked-sql.ts'

// Own time: see own-time.ts.
export const askMs = 1_250
const pauseMs = 500

export type ServerState = 'primary' | 'standby' | 'refused' | 'silent'

/** One server of a URL, and what it last said. */
export interface Host {
  name: string
  address: Address
  reply: Reply | undefined
  /** When the question of `reply` was asked, and the first one with the same reply. */
  askedAt: number
  since: number
  query(): string
  /** Concurrent callers share one question. */
  ask(): Promise<Reply>
  /** Until it is to be asked again. */
  pause(): Promise<void>
  /** Ends the pause, or the next one. */
  wake(): void
  rest(): void
  close(): void
}

export function createHost(address: Address, onReply: (host: Host) => void): Host {
  const inquirer = createInquirer(address)
  let pending: Promise<Reply> | undefined
  let isHurried = false
  let endPause = () => {}
  const host: Host = {
    name: isSocket(address) ? address.host : `${address.host}:${address.port}`,
    address,
    reply: undefined,
    askedAt: Number.NEGATIVE_INFINITY,
    since: Number.NEGATIVE_INFINITY,
    query: inquirer.query,
    ask() {
      pending ??= inquire().finally(() => {
        pending = undefined
      })
      return pending
    },
    async pause() {
      if (!isHurried) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, pauseMs).unref()
          endPause = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
      isHurried = false
    },
    wake() {
      isHurried = true
      endPause()
    },
    rest: inquirer.rest,
    close: inquirer.close,
  }

  async function inquire(): Promise<Reply> {
    const askedAt = performance.now()
    const reply = await inquirer.ask(askMs)
    host.askedAt = askedAt
    // Full, or it does not let us in: what is known of it stays.
    if (reply.state !== 'busy' || host.reply?.state !== 'known') {
      if (keyOf(host.reply) !== keyOf(reply)) host.since = askedAt
      host.reply = reply
    }
    onReply(host)
    return reply
  }

  return host
}

/** Why a server must not be written to; `isRefusal` when it would take the writes. */
export function unfitness(identity: Identity, system: string | undefined) {
  const { isStandby, timeline, system: its } = identity
  if (isStandby) return { reason: 'is a standby', isRefusal: false }
  if (system && its && its !== system)
    return { reason: `is of another cluster (system identifier ${its}, not ${system})`, isRefusal: true }
  if (isOutdated(identity))
    return { reason: `is on timeline ${timeline}, but its cluster is on ${newestTimeline(its)}`, isRefusal: true }
  return undefined
}

export function isUsable({ reply }: Host, system: string | undefined): boolean {
  return reply?.state === 'known' && !unfitness(reply.identity, system)
}

export function stateOf({ reply }: Host, system: string | undefined): ServerState {
  if (reply?.state !== 'known') return 'silent'
  const unfit = unfitness(reply.identity, system)
  if (!unfit) return 'primary'
  return unfit.isRefusal ? 'refused' : 'standby'
}

/** Why none of the servers can be used, as an error of the database. */
export function noPrimary(hosts: Host[], system: string | undefined): Error {
  const reasons = hosts.map(({ name, reply }) => {
    if (!reply) return `${name} has not answered yet`
    if (reply.state === 'known') return `${name} ${unfitness(reply.identity, system)?.reason ?? 'has just answered'}`
    return `${name}: ${reply.error.message}`
  })
  return connectionLost(`no server takes writes: ${reasons.join('; ')}`)
}

function keyOf(reply: Reply | undefined): string {
  if (reply?.state !== 'known') return reply?.state ?? ''
  const { isStandby, system, timeline } = reply.identity
  return `${isStandby} ${system} ${timeline}`
}
