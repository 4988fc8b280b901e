import { randomBytes } from 'node:crypto'
import { loadConfig, readEnvironment } from './config/config.ts'
import { connect } from './db/connect.ts'
import { migrate } from './db/migrate.ts'
import { findPostgres, startPostgres } from './embedded/postgres.ts'
import { readLogin } from './modules/auth/logins.ts'
import { createPasswords } from './modules/auth/passwords.ts'
import { createAuthRepository } from './modules/auth/repository.ts'

// `npm run admin -- LOGIN`: makes an administrator of an account, or a new account with a random password.
run(process.argv.slice(2)).then(
  (done) => process.stdout.write(`${done}\n`),
  (error: Error) => {
    process.stderr.write(`${error.message.replace(/^body\./, '')}\n`)
    process.exitCode = 1
  },
)

async function run([login, ...rest]: string[]): Promise<string> {
  if (!login || rest.length > 0) throw new Error('Usage: npm run admin -- LOGIN')
  const config = loadConfig(readEnvironment())
  const known = readLogin({ login }, config.phoneRegion)
  const running = config.databaseUrl ?? (await findPostgres(config.dataDir))
  if (running) return makeAdmin(running, known)
  const embedded = await startPostgres({ dataDir: config.dataDir })
  return makeAdmin(embedded.url, known).finally(embedded.stop)
}

async function makeAdmin(url: string, login: string): Promise<string> {
  await migrate(url)
  const { db, close } = connect(url, { max: 1 })
  try {
    const repository = createAuthRepository(db)
    if (await repository.promote(login)) return `${login} is an administrator now`
    const password = randomBytes(12).toString('base64url')
    await repository.upsertAdmin(login, await createPasswords().hash(password))
    return `${login} was registered as an administrator, password: ${password} (shown only now)`
  } finally {
    await close()
  }
}
