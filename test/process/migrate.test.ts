import { randomBytes } from 'node:crypto'
import { afterEach, expect, inject, test } from 'vitest'
import { connect } from '../../src/db/connect.ts'
import { isMigrated } from '../../src/db/migrate.ts'
import { databaseUrl } from '../support/database.ts'
import { cleanUp, freePort, runNode } from '../support/process.ts'

afterEach(cleanUp)

const jwtSecret = 'x'.repeat(32)

/** `npm run migrate` */
async function migrate(env: Record<string, string>) {
  const program = runNode(['src/cli.ts', 'migrate'], { env })
  return { code: await program.ended(), stdout: program.stdout(), stderr: program.stderr() }
}

async function emptyDatabase(): Promise<string> {
  const name = `test_${randomBytes(6).toString('hex')}`
  const { sql, close } = connect(inject('postgresUrl'), { max: 1 })
  await sql`create database ${sql(name)}`
  await close()
  return databaseUrl(inject('postgresUrl'), name)
}

test('npm run migrate brings an empty database to the newest schema, and says so each time', async () => {
  const url = await emptyDatabase()
  for (let i = 0; i < 2; i++)
    expect(await migrate({ DATABASE_URL: url, JWT_SECRET: jwtSecret })).toEqual({
      code: 0,
      stdout: 'The database has the newest schema\n',
      stderr: '',
    })
  const database = connect(url, { max: 1 })
  expect(await isMigrated(database)).toBe(true)
  await database.close()
})

test('npm run migrate says what to change where there is no database', { tags: 'slow' }, async () => {
  expect(await migrate({})).toMatchObject({ code: 1, stderr: expect.stringContaining('DATABASE_URL is not set') })
  const url = `postgres://nobody@127.0.0.1:${await freePort()}/nothing`
  const failed = await migrate({ DATABASE_URL: url, JWT_SECRET: jwtSecret })
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringMatching(/cannot be reached .*Check DATABASE_URL\n$/) })
})
