import { type ReplayTarget, readPosition } from '../db/standby/standby.ts'

/** A position of the log that a poll has seen, and when that poll began, in ms of performance.now(). */
interface Flushed {
  at: number
  position: bigint
}

interface Poll {
  at: number
  /** Behind every commit that the poll could see, also one that is not flushed yet. */
  inserted: string
  /** What standbys may have by then. */
  flushed: string
  /** It has delivered changes, or somebody waits for it behind a write. */
  isNoted: boolean
}

const rememberedMs = 60_000
/** Polls come with every write; the bounds need no more of them. */
const apartMs = 50

export type ReplayTargets = ReturnType<typeof createReplayTargets>

/**
 * How far a standby must be: past all that the change feed has delivered, as nothing older may get into the cache or be
 * seen behind a write of one's own; and past all that is older than the bound.
 */
export function createReplayTargets(now = () => performance.now()) {
  let mark: string | undefined
  let delivered = 0n
  let history: Flushed[] = []

  return {
    /** The feed begins: everything before counts as delivered. */
    started(started: { mark: string; inserted: string }): void {
      mark = started.mark
      delivered = readPosition(started.inserted)
      history = []
    },

    polled({ at, inserted, flushed, isNoted }: Poll): void {
      if (isNoted) delivered = readPosition(inserted)
      const last = history.at(-1)
      if (last && at - last.at < apartMs) return
      history = history.filter((each) => at - each.at < rememberedMs)
      history.push({ at, position: readPosition(flushed) })
    },

    /** Undefined while that cannot be said. */
    target(maxLagMs: number): ReplayTarget | undefined {
      const bound = history.find((each) => now() - each.at <= maxLagMs)
      if (mark === undefined || !bound) return undefined
      return { mark, position: bound.position > delivered ? bound.position : delivered }
    },

    /** Whether a standby at this position is within the bound: near enough that it is worth while to ask it. */
    isNear(position: bigint, maxLagMs: number): boolean {
      const bound = history.find((each) => now() - each.at <= maxLagMs)
      return bound !== undefined && position >= bound.position
    },

    /** What this process knows to be there, also while the feed is not current. */
    last: (): ReplayTarget | undefined => (mark === undefined ? undefined : { mark, position: delivered }),

    /** For how long a standby at this position has missed something, in ms; 0 when it has all that is known. */
    lagMs(position: bigint): number {
      const missed = history.find((each) => each.position > position)
      return missed ? now() - missed.at : 0
    },

    /** How old what it has may be, in ms: since when nothing is known of the primary, or since it has missed something. */
    ageMs(position: bigint): number {
      const missed = history.find((each) => each.position > position) ?? history.at(-1)
      return missed ? now() - missed.at : 0
    },
  }
}
