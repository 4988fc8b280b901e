import { loadConfig, readEnvironment } from '../config/config.ts'
import { databaseSettings, prepareDatabase } from '../db/prepare.ts'
import { DatabaseRefusal } from '../db/refusal.ts'
import { reason } from '../start-messages.ts'
import { progressBar } from '../terminal.ts'

/** `kinoteka migrate`: before the starts of a new version, as the Job in deploy/kubernetes/migration does. */
export async function migrateNow(): Promise<string> {
  const config = loadConfig(readEnvironment())
  if (!config.databaseUrl)
    throw new Error('DATABASE_URL is not set: the embedded database is migrated by the start of the service')
  const warn = (warning: string) => process.stderr.write(`${warning}\n`)
  const onProgress = progressBar(process.stderr, 'Migrating the database')
  await prepareDatabase({ ...databaseSettings(config, config.databaseUrl), warn, onProgress }).catch((error) => {
    if (error instanceof DatabaseRefusal) throw error
    throw new Error(`The database cannot be reached or migrated: ${reason(error)}. Check DATABASE_URL`)
  })
  return 'The database has the newest schema'
}
