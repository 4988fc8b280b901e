import { randomBytes } from 'node:crypto'
import { loadConfig, readEnvironment } from './config.ts'
import { connect } from './db/connect.ts'
import { migrate } from './db/migrate.ts'
import { findPostgres, startPostgres } from './embedded/postgres.ts'
import { readLogin } from './modules/auth/logins.ts'
import { createPasswords } from './modules/auth/passwords.ts'
import { createAuthRepository } from './modules/auth/repository.ts'

// `npm run admin -- LOGIN`: makes an administrator of an account, or a new account with a random password.
const [login] = process.argv.slice(2)
if (!login) {
  process.stderr.write('Usage: npm run admin -- LOGIN\n')
  process.exit(1)
}
const config = loadConfig(readEnvironment())
const running = config.databaseUrl ?? (await findPostgres(config.dataDir))
const embedded = running ? undefined : await startPostgres({ dataDir: config.dataDir })
const url = running ?? embedded?.url ?? ''
await migrate(url)
const { db, close } = connect(url, { max: 1 })
try {
  process.stdout.write(`${await makeAdmin(readLogin({ login }, config.phoneRegion))}\n`)
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
} finally {
  await close()
  await embedded?.stop()
}

async function makeAdmin(known: string): Promise<string> {
  const repository = createAuthRepository(db)
  if (await repository.promote(known)) return `${known} is an administrator now`
  const password = randomBytes(12).toString('base64url')
  await repository.upsertAdmin(known, await createPasswords().hash(password))
  return `${known} was registered as an administrator, password: ${password} (shown only now)`
}
