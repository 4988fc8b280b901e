import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { database } from './source/database.ts'
import { kinopoisk } from './source/kinopoisk.ts'
import { product } from './source/product.ts'
import { runbook } from './source/runbook.ts'
import { service } from './source/service.ts'

/** File → text, as `dashboards/` holds them. */
export const files = Object.fromEntries(
  Object.entries({ service, kinopoisk, database, product, runbook }).map(([name, dashboard]) => [
    `${name}.json`,
    `${JSON.stringify(dashboard, null, 2)}\n`,
  ]),
)

// `node grafana/build.ts` writes them anew.
if (import.meta.main) {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(import.meta.dirname, 'dashboards', name), text)
}
