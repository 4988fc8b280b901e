/** Work that no caller waits for. */
export function createBackground() {
  const works = new Set<Promise<void>>()
  return {
    runInBackground(work: Promise<void>): void {
      works.add(work)
      void work.finally(() => works.delete(work))
    },
    async idle() {
      // What ends may begin something else.
      while (works.size > 0) await Promise.allSettled(works)
    },
  }
}
