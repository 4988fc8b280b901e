import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
export const notRepaired = 'The driver postgres in node_modules is not repaired: run `node patches/apply.cjs`'

/** The driver's own list of connections and of waiting queries. */
interface Queue {
  push(item: unknown): void
  shift(): unknown
}

/**
 * Refuses a driver whose queries get slower with every finished one: postgres.js 3.4.9 as published stores, and
 * searches, a hole for each. patches/postgres.diff repairs that wherever the service is installed.
 * @throws when it is not repaired
 */
export function requireRepair(open: (initial: object) => Queue = publishedQueue()): void {
  const items: unknown[] = []
  const queue = open({ slice: () => items })
  queue.push(0)
  for (let n = 1; n <= 1000; n++) {
    queue.push(n)
    queue.shift()
  }
  // The queue has one item now. The repaired one stores its items elsewhere, and few here.
  if (items.length > 500) {
    throw new Error(notRepaired)
  }
}

function publishedQueue(): (initial: object) => Queue {
  // Its `exports` name no inner file.
  return require(require.resolve('postgres').replace('/cjs/src/index.js', '/src/queue.js')).default
}
