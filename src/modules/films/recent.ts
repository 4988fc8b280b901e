/** What was found lately, by key: for `ttlMs`, `max` of them, and each looked for once however many ask at a time. */
export function createRecent<T>({ ttlMs, max }: { ttlMs: number; max: number }) {
  const kept = new Map<string, { value: Promise<T>; until: number }>()
  return {
    get(key: string, find: () => Promise<T>): Promise<T> {
      const known = kept.get(key)
      if (known && known.until > performance.now()) return known.value
      const entry = { value: find(), until: Number.POSITIVE_INFINITY }
      kept.delete(key)
      const [oldest] = kept.keys()
      if (kept.size >= max && oldest !== undefined) kept.delete(oldest)
      kept.set(key, entry)
      entry.value.then(
        () => {
          entry.until = performance.now() + ttlMs
        },
        () => {
          if (kept.get(key) === entry) kept.delete(key)
        },
      )
      return entry.value
    },

    /** Also what is just being looked for: it may have been read before the change. */
    forget(): void {
      kept.clear()
    },
  }
}
