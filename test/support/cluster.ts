import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { migrate } from '../../src/db/migrate.ts'
import { startPostgres } from '../../src/embedded/postgres.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A DATA_DIR with a migrated database in which there is nothing yet. Copied by `preparedFolder`, never used. */
    preparedDataDir: string
  }
}

/** Once per run of the tests that start processes: initdb takes 20 times as long as a copy of what it makes. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'kinoteka-prepared-'))
  await chmod(dataDir, 0o711)
  const server = await startPostgres({ dataDir, settings: { fsync: 'off' } })
  await migrate(server.url)
  await server.stop()
  await rm(join(dataDir, 'postgres.log'))
  project.provide('preparedDataDir', dataDir)
  return () => rm(dataDir, { recursive: true, force: true })
}
