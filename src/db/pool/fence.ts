import type { Identity } from './identity.ts'

/**
 * What this process knows of each cluster, whichever of its pools has seen it: the highest timeline. A server of the
 * cluster on a lower one was the primary before a promotion, and nothing is to be written there any more.
 */
const timelines = new Map<string, number>()
const listeners = new Set<(system: string) => void>()

export function newestTimeline(system: string | undefined): number | undefined {
  return system === undefined ? undefined : timelines.get(system)
}

/** True for a primary that has been replaced. */
export function isOutdated({ system, timeline }: Identity): boolean {
  if (system === undefined || timeline === undefined) return false
  return timeline < (newestTimeline(system) ?? 0)
}

export function noteTimeline({ system, timeline }: Identity): void {
  if (system === undefined || timeline === undefined) return
  const before = timelines.get(system)
  if (before !== undefined && timeline <= before) return
  timelines.set(system, timeline)
  if (before !== undefined) for (const listener of [...listeners]) listener(system)
}

/** `listener` is called when a cluster has got a higher timeline. */
export function onPromotion(listener: (system: string) => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
