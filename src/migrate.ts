import { loadConfig, readEnvironment } from './config/config.ts'
import { databaseSettings, prepareDatabase } from './db/prepare.ts'
import { DatabaseRefusal } from './db/refusal.ts'
import { reason } from './start-messages.ts'

// `npm run migrate`: brings the database at DATABASE_URL to the newest schema, and ends. A start does the same; this goes before
// the starts of a new version, as the Job in deploy/kubernetes/migration does.
run().then(
  () => process.stdout.write('The database has the newest schema\n'),
  (error: Error) => {
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  },
)

async function run(): Promise<void> {
  const config = loadConfig(readEnvironment())
  if (!config.databaseUrl)
    throw new Error('DATABASE_URL is not set: the embedded database is migrated by the start of the service')
  const warn = (warning: string) => process.stderr.write(`${warning}\n`)
  await prepareDatabase({ ...databaseSettings(config, config.databaseUrl), warn }).catch((error) => {
    if (error instanceof DatabaseRefusal) throw error
    throw new Error(`The database cannot be reached or migrated: ${reason(error)}. Check DATABASE_URL`)
  })
}
