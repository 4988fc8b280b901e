import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { connect } from '../../src/db/connect.ts'
import { password, testApp, testUser } from '../support/app.ts'
import { cloneDatabase } from '../support/databases.ts'
import { cleanUp, freshFolder, type Program, runNode, serverPids, startServer } from '../support/process.ts'

const jwtSecret = 'x'.repeat(32)
afterEach(cleanUp)

/** `npm run admin -- …` */
async function admin(env: Record<string, string>, ...args: string[]): Promise<Program & { code: unknown }> {
  const program = runNode(['src/cli.ts', 'admin', ...args], { env })
  return { ...program, code: await program.ended() }
}

const passwordIn = (program: Program) => /password: (\S+) \(shown only now\)\n$/.exec(program.stdout())?.[1] ?? ''

async function roles(url: string): Promise<unknown[]> {
  const { sql } = connect(url, { max: 1 })
  const rows = await sql`select login, role from users order by login`
  await sql.end({ timeout: 0 })
  return rows.map((row) => `${row.login} ${row.role}`)
}

describe('npm run admin', () => {
  test('promotes an account at once, or registers one whose password works', { tags: 'slow' }, async () => {
    const service = await testApp()
    const env = { DATABASE_URL: service.databaseUrl, JWT_SECRET: jwtSecret }
    const ann = await testUser(service.app, 'ann')
    const roleOf = async () => (await service.app.inject({ url: '/user', headers: ann.headers })).json().role
    expect(await roleOf()).toBe('user')
    const promoted = await admin(env, 'ANN')
    expect(promoted).toMatchObject({ code: 0 })
    expect(promoted.stdout()).toBe('ann is an administrator now\n')
    expect(await roleOf()).toBe('admin')

    const registered = await admin(env, '050 123-45-67')
    expect(registered).toMatchObject({ code: 0 })
    expect(registered.stdout()).toMatch(/^\+380501234567 was registered as an administrator, password: /)
    const body = { phone: '+380501234567', password: passwordIn(registered) }
    const login = await service.app.inject({ method: 'POST', url: '/login', payload: body })
    expect(login.statusCode).toBe(200)
    const headers = { authorization: `Bearer ${login.json().access_token}` }
    expect((await service.app.inject({ url: '/user', headers })).json().role).toBe('admin')

    const { sql } = connect(service.databaseUrl, { max: 1 })
    await sql`update users set blocked = true, updated_at = '2020-01-01' where login = '+380501234567'`
    expect((await admin(env, '+380501234567')).stdout()).toBe('+380501234567 is an administrator now\n')
    expect((await service.app.inject({ method: 'POST', url: '/login', payload: body })).statusCode).toBe(200)
    const [row] = await sql`select blocked, updated_at > '2020-01-02' as touched from users where login = ${body.phone}`
    expect(row).toEqual({ blocked: false, touched: true })
    await sql.end({ timeout: 0 })
    expect(
      (await service.app.inject({ method: 'POST', url: '/login', payload: { login: 'ann', password } })).statusCode,
    ).toBe(200)
    await service.close()
  })

  test('with --reset issues a token for a new password, of an account that there is', { tags: 'slow' }, async () => {
    const service = await testApp()
    const env = { DATABASE_URL: service.databaseUrl, JWT_SECRET: jwtSecret }
    await testUser(service.app, 'ann')
    const issued = await admin(env, 'ANN', '--reset')
    expect(issued).toMatchObject({ code: 0 })
    const token = /: (\S{43}) \(shown only now; POST \/auth\/reset\)\n$/.exec(issued.stdout())?.[1]
    const payload = { token, new_password: 'battery staple horse' }
    expect((await service.app.inject({ method: 'POST', url: '/auth/reset', payload })).statusCode).toBe(204)
    const nobody = await admin(env, 'nobody_here', '--reset')
    expect(nobody).toMatchObject({ code: 1 })
    expect(nobody.stderr()).toBe('Nobody is registered as nobody_here\n')
    await service.close()
  })

  test('works on the embedded database, whether the service runs or not', { tags: 'slow' }, async () => {
    const DATA_DIR = join(await freshFolder(), 'data')
    const before = await admin({ DATA_DIR }, 'early')
    expect(before).toMatchObject({ code: 0 })
    expect(passwordIn(before)).toMatch(/^[\w-]{16}$/)
    expect(serverPids(DATA_DIR)).toEqual([])

    const { url, stop } = await startServer(DATA_DIR)
    const during = await admin({ DATA_DIR }, 'late')
    expect(during).toMatchObject({ code: 0 })
    expect(await roles(url)).toEqual(['early admin', 'late admin'])
    expect(serverPids(DATA_DIR)).not.toEqual([])
    await stop()
  })
})

describe('npm run admin refuses, with one line and nothing done', () => {
  test.each([
    ['no login', [], /^error: missing required argument 'login'\nkinoteka --help says what there is\.\n$/],
    ['two logins', ['ann', 'bob'], /^error: too many arguments .*\nkinoteka --help says what there is\.\n$/],
    ['a login too short', ['ab'], /^login must be an e-mail, a phone or a user name .*\n$/],
    ['a phone that does not exist', ['055'], /^login .* phone that exists.*\n$/],
    ['an e-mail that is none', ['ann@'], /^login must be an e-mail .*\n$/],
  ])('%s', { tags: 'slow' }, async (_name, args, message) => {
    const DATA_DIR = join(await freshFolder(), 'data')
    const refused = await admin({ DATA_DIR }, ...args)
    expect(refused.code).toBe(1)
    expect(refused.stderr()).toMatch(message)
    expect(refused.stdout()).toBe('')
    expect(existsSync(DATA_DIR)).toBe(false)
  })

  test('a wrong configuration', { tags: 'slow' }, async () => {
    const refused = await admin({ DATABASE_URL: await cloneDatabase() }, 'ann')
    expect(refused.code).toBe(1)
    expect(refused.stderr()).toBe('The configuration is wrong:\n  - JWT_SECRET is required with DATABASE_URL\n')
  })

  test('a database that does not answer', async () => {
    const refused = await admin({ DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/db', JWT_SECRET: jwtSecret }, 'ann')
    expect(refused.code).toBe(1)
    expect(refused.stderr()).toBe('connect ECONNREFUSED 127.0.0.1:1\n')
  })
})
