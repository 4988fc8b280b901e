import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { connect } from '../../src/db/connect.ts'
import { migrate } from '../../src/db/migrate.ts'
import { startPostgres } from '../../src/embedded/postgres.ts'
import { readLogin } from '../../src/modules/auth/logins.ts'
import { createPasswords } from '../../src/modules/auth/passwords.ts'
import { createAuthRepository } from '../../src/modules/auth/repository.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The server, on its maintenance database. */
    postgresUrl: string
    /** Of `password`: made once, since it takes its time. */
    passwordHash: string
  }
}

export const password = 'correct horse battery staple'
/** Of databases without anything in them, and with the first administrator, whose hash takes its time too. */
export const templates = { empty: 'migrated', withAdmin: 'migrated_with_admin' }
/** For `testApp({}, { firstAdmin })`. */
export const firstAdmin = { login: 'admin', password }

const settings = {
  // Four workers with apps and replicas of up to 16 connections each.
  max_connections: '500',
  autovacuum: 'off',
  // Nothing need outlive the run, nobody replicates, and all is in memory: so it takes 6 % less of the processor.
  fsync: 'off',
  full_page_writes: 'off',
  wal_level: 'minimal',
  max_wal_senders: '0',
  io_method: 'sync',
}

/** Once per run: a real PostgreSQL with a migrated template, of which every test app gets a clone. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await mkdtemp(join(tmpdir(), 'kinoteka-test-'))
  // For the account that runs the server when we are root.
  await chmod(dataDir, 0o711)
  const server = await startPostgres({ dataDir, settings })
  const { sql, close } = connect(server.url, { max: 1 })
  await sql`create database ${sql(templates.empty)}`
  await migrate(databaseUrl(server.url, templates.empty))
  await sql`create database ${sql(templates.withAdmin)} template ${sql(templates.empty)}`
  await close()
  const passwordHash = await createPasswords().hash(password)
  const { db, ...database } = connect(databaseUrl(server.url, templates.withAdmin), { max: 1 })
  await createAuthRepository(db).upsertAdmin(readLogin(firstAdmin, 'UA'), passwordHash)
  await database.close()
  project.provide('postgresUrl', server.url)
  project.provide('passwordHash', passwordHash)
  return async () => {
    await server.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}

export function databaseUrl(serverUrl: string, database: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${database}`
  return url.href
}
