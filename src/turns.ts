/** A user's id, or a network: of IPv6 the /64 behind the /48 that it belongs to. */
export type QueueKey = number | string | readonly [site: string, network: string]

type Name = number | string

/** The site and the caller; they are the same but for an IPv6 network. */
export function namesOf(caller: QueueKey): readonly [site: Name, caller: Name] {
  return typeof caller === 'object' ? caller : [caller, caller]
}

/** Entries are served site by site in turn, the callers of a site in turn, and those of a caller in their order. */
export function createTurns<T>() {
  // A Map keeps the order in which its keys came: the first is next, and goes to the end when it was served.
  const sites = new Map<Name, Map<Name, T[]>>()

  const sizeOf = (callers: Map<Name, T[]> | undefined) =>
    [...(callers?.values() ?? [])].reduce((sum, queue) => sum + queue.length, 0)
  const queueOf = (caller: QueueKey) => sites.get(namesOf(caller)[0])?.get(namesOf(caller)[1])

  /** True when it was there. */
  function remove(caller: QueueKey, entry: T): boolean {
    const [site, name] = namesOf(caller)
    const queue = queueOf(caller)
    const at = queue?.indexOf(entry) ?? -1
    if (!queue || at < 0) return false
    queue.splice(at, 1)
    if (queue.length === 0) sites.get(site)?.delete(name)
    if (sites.get(site)?.size === 0) sites.delete(site)
    return true
  }

  return {
    remove,
    size: () => [...sites.values()].reduce((sum, callers) => sum + sizeOf(callers), 0),
    /** How many entries a caller has, and its site. */
    countOf: (caller: QueueKey) => ({
      caller: queueOf(caller)?.length ?? 0,
      site: sizeOf(sites.get(namesOf(caller)[0])),
    }),

    add(caller: QueueKey, entry: T): void {
      const [site, name] = namesOf(caller)
      const callers = sites.get(site) ?? new Map<Name, T[]>()
      const queue = callers.get(name) ?? []
      queue.push(entry)
      sites.set(site, callers.set(name, queue))
    },

    /** Takes the one whose turn it is, of those that fit. */
    take(fits: (entry: T) => boolean): T | undefined {
      for (const [site, callers] of sites) {
        for (const [name, queue] of callers) {
          const [entry] = queue
          if (entry === undefined || !fits(entry)) continue
          queue.shift()
          callers.delete(name)
          if (queue.length > 0) callers.set(name, queue)
          sites.delete(site)
          if (callers.size > 0) sites.set(site, callers)
          return entry
        }
      }
      return undefined
    },

    /** How many are served before one that comes now: as many of each other as turns until its own. */
    ahead(caller: QueueKey): number {
      const [site, name] = namesOf(caller)
      const own = sites.get(site)
      const turns = (queueOf(caller)?.length ?? 0) + 1
      let inSite = turns
      for (const [other, queue] of own ?? []) if (other !== name) inSite += Math.min(queue.length, turns)
      let all = inSite - 1
      for (const [other, callers] of sites) if (other !== site) all += Math.min(sizeOf(callers), inSite)
      return all
    },
  }
}
