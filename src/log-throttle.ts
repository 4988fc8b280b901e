/**
 * At most one line each `everyMs` for a kind, for what may happen thousands of times a second. Returns how many were left
 * out since the last line, or undefined when this one is to be left out too. Kinds must be few: none is forgotten.
 */
export function createLogThrottle(everyMs = 1000, now: () => number = () => performance.now()) {
  const kinds = new Map<string, { next: number; repeated: number }>()
  return (kind: string): number | undefined => {
    const last = kinds.get(kind)
    if (last && now() < last.next) {
      last.repeated++
      return undefined
    }
    kinds.set(kind, { next: now() + everyMs, repeated: 0 })
    return last?.repeated ?? 0
  }
}
