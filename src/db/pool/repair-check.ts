import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
export const notRepaired = 'The driver postgres in node_modules is not repaired: run `node patches/apply.cjs`'

/** The driver's own list of connections and of waiting queries. */
interface Queue {
  push(item: unknown): void
  shift(): unknown
}

/**
 * Refuses a driver that is not repaired by patches/postgres.diff (docs/decisions/0002-patch-of-postgres-js.md).
 * postgres.js 3.4.9 as published gets slower with every finished query: its queue stores, and searches, a hole for each.
 * And it sends COMMIT as a named statement, and takes the end of a transaction that was rolled back for a success:
 * behind a pooler that is how writes get lost that were acknowledged.
 * @throws when it is not repaired
 */
export function requireRepair(
  open: (initial: object) => Queue = publishedQueue(),
  transactions = readFileSync(fileOfDriver('index.js'), 'utf8'),
): void {
  const items: unknown[] = []
  const queue = open({ slice: () => items })
  queue.push(0)
  for (let n = 1; n <= 1000; n++) {
    queue.push(n)
    queue.shift()
  }
  // The queue has one item now. The repaired one stores its items elsewhere, and few here.
  if (items.length > 500 || !transactions.includes("command !== 'COMMIT'")) {
    throw new Error(notRepaired)
  }
}

function publishedQueue(): (initial: object) => Queue {
  return require(fileOfDriver('queue.js')).default
}

/** Its `exports` name no inner file. */
function fileOfDriver(name: string): string {
  return require.resolve('postgres').replace('/cjs/src/index.js', `/src/${name}`)
}
