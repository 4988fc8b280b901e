import { randomBytes } from 'node:crypto'
import { type Config, loadConfig, readEnvironment } from '../config/config.ts'
import { connect, type Db } from '../db/connect.ts'
import { databaseSettings, prepareDatabase } from '../db/prepare.ts'
import { findPostgres, startPostgres } from '../embedded/postgres.ts'
import { readLogin } from '../modules/auth/logins.ts'
import { createPasswords } from '../modules/auth/passwords.ts'
import { createAuthRepository } from '../modules/auth/repository.ts'
import { createResetRepository } from '../modules/auth/reset-repository.ts'
import { issueToken } from '../modules/auth/reset-service.ts'

/** `kinoteka admin LOGIN [--reset]`, whether the service runs or not. */
export async function administer(login: string, isReset: boolean): Promise<string> {
  const config = loadConfig(readEnvironment())
  const known = readKnown(login, config)
  const running = config.databaseUrl ?? (await findPostgres(config.dataDir))
  const work = isReset ? issueReset : makeAdmin
  if (running) return withDatabase(config, running, known, work)
  const embedded = await startPostgres({ dataDir: config.dataDir })
  return withDatabase(config, embedded.url, known, work).finally(embedded.stop)
}

/** As a request's login is read, of which the error speaks. */
function readKnown(login: string, { phoneRegion }: Config): string {
  try {
    return readLogin({ login }, phoneRegion)
  } catch (error) {
    throw new Error((error as Error).message.replace(/^body\./, ''))
  }
}

async function withDatabase(config: Config, url: string, login: string, work: typeof makeAdmin): Promise<string> {
  const { databaseUrl } = await prepareDatabase(databaseSettings(config, url))
  const { db, close } = connect(databaseUrl, { max: 1 })
  try {
    return await work(db, login)
  } finally {
    await close()
  }
}

async function makeAdmin(db: Db, login: string): Promise<string> {
  const repository = createAuthRepository(db)
  if (await repository.promote(login)) return `${login} is an administrator now`
  const password = randomBytes(12).toString('base64url')
  await repository.upsertAdmin(login, await createPasswords().hash(password))
  return `${login} was registered as an administrator, password: ${password} (shown only now)`
}

async function issueReset(db: Db, login: string): Promise<string> {
  const user = await createAuthRepository(db).findByLogin(login)
  if (!user) throw new Error(`Nobody is registered as ${login}`)
  const { token, expires_at } = await issueToken(createResetRepository(db), user.id)
  return `Token for a new password of ${login}, until ${expires_at.toISOString()}: ${token} (shown only now; POST /auth/reset)`
}
