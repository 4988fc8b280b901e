import { loadConfig, readEnvironment } from './config/config.ts'
import { migrate } from './db/migrate.ts'
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
  const { databaseUrl } = loadConfig(readEnvironment())
  if (!databaseUrl)
    throw new Error('DATABASE_URL is not set: the embedded database is migrated by the start of the service')
  await migrate(databaseUrl).catch((error) => {
    throw new Error(`The database cannot be reached or migrated: ${reason(error)}. Check DATABASE_URL`)
  })
}
