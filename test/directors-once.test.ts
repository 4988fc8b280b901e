import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDirectorRepository } from '../src/modules/directors/repository.ts'
import { as, type TestUser } from './support/app.ts'
import { type Catalogue, catalogue, problemOf } from './support/films.ts'
import { adminUser } from './support/operations.ts'
import { until } from './support/process.ts'

let service: Catalogue
let ann: TestUser
let count = 0
beforeAll(async () => {
  service = await catalogue()
  ann = await adminUser(service.app)
})
afterAll(() => service.close())

const freshKey = () => `key-${++count}`
const freshName = () => `Somebody ${++count}`
const create = (payload: object, key: string, app = service.app, user = ann) =>
  as(app, user)({ method: 'POST', url: '/directors', payload, headers: { 'idempotency-key': key } })
const named = async (name: string) =>
  (await service.app.database.sql`select from directors where name = ${name}`).length

describe('A director that is added with an idempotency key', () => {
  test('is added once, and every repeat gets the same answer', async () => {
    const [name, key] = [freshName(), freshKey()]
    const first = await create({ name, date_of_birth: '1930-05-31' }, key)
    expect(first.statusCode).toBe(201)
    // What means the same is the same request.
    const second = await create({ name: `  ${name} `, date_of_birth: '1930-05-31', odd: 1 }, `"${key}"`)
    expect([second.statusCode, second.headers.location]).toEqual([201, first.headers.location])
    expect(second.json()).toEqual(first.json())
    expect(await named(name)).toBe(1)
  })

  test('is added once when twenty requests come at one time to two replicas', { tags: 'slow' }, async () => {
    const replica = await service.replica()
    const [name, key] = [freshName(), freshKey()]
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => create({ name }, key, i % 2 === 0 ? service.app : replica)),
    )
    expect(new Set(answers.map(({ statusCode }) => statusCode))).toEqual(new Set([201]))
    expect(new Set(answers.map((answer) => answer.json().id)).size).toBe(1)
    expect(await named(name)).toBe(1)
  })

  test.each([{ name: 'Another' }, { name: 'One', date_of_birth: '1930-05-31' }])(
    'refuses the key for another request: %j',
    async (other) => {
      const key = freshKey()
      expect((await create({ name: 'One' }, key)).statusCode).toBe(201)
      const before = await service.app.database.sql`select from directors`
      problemOf(await create(other, key), 422, 'idempotency_key_reused')
      expect(await service.app.database.sql`select from directors`).toHaveLength(before.length)
    },
  )

  test('leaves the keys of other users alone', async () => {
    const [name, key] = [freshName(), freshKey()]
    const answers = [
      await create({ name }, key),
      await create({ name }, key, service.app, await adminUser(service.app)),
    ]
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([201, 201])
    expect(await named(name)).toBe(2)
  })

  test('is what a repeat gets as it is by now; one that is gone is not added anew', async () => {
    const [name, key, later] = [freshName(), freshKey(), freshName()]
    const { id } = (await create({ name }, key)).json()
    await service.admin({ method: 'PATCH', url: `/directors/${id}`, payload: { name: later } })
    expect((await create({ name }, key)).json()).toMatchObject({ id, name: later })
    await service.admin({ method: 'DELETE', url: `/directors/${id}` })
    expect(problemOf(await create({ name }, key), 404, 'director_not_found')).toContain('removed since')
    expect(await named(name)).toBe(0)
  })

  test('keeps no key when it could not be added', async () => {
    const { sql } = service.app.database
    const [name, key] = [freshName(), freshKey()]
    await sql`alter table directors add constraint odd check (name <> ${sql.unsafe(`'${name}'`)})`
    expect((await create({ name }, key)).statusCode).toBe(500)
    await sql`alter table directors drop constraint odd`
    expect((await create({ name }, key)).statusCode).toBe(201)
  })

  test.each([
    ['nothing', ''],
    ['quotes around nothing', '""'],
    ['a blank within', 'a b'],
    ['one quote', '"key'],
    ['more than 255 characters', 'k'.repeat(256)],
    ['letters beyond ASCII', 'kl\u00fc'],
    ['two keys', 'one, two'],
  ])('refuses %s as a key', async (_, key) => {
    const name = freshName()
    expect(problemOf(await create({ name }, key), 400, 'invalid_input')).toContain('1 to 255 visible ASCII characters')
    expect(await named(name)).toBe(0)
  })

  test('takes 255 characters as a key, with quotes around too', async () => {
    for (const key of ['k'.repeat(255), `"${'l'.repeat(255)}"`])
      expect((await create({ name: freshName() }, key)).statusCode).toBe(201)
  })
})

describe('Idempotency keys', () => {
  const keys = async () => (await service.app.database.sql`select from idempotency_keys`).length

  test('are removed after a day, and not before', async () => {
    const { sql } = service.app.database
    const [young, old] = [freshKey(), freshKey()]
    const names = [freshName(), freshName()] as const
    await create({ name: names[0] }, young)
    await create({ name: names[1] }, old)
    const { id } = (await create({ name: names[1] }, old)).json()
    await sql`update idempotency_keys set created_at = now() - interval '23 hours 59 minutes'`
    await sql`update idempotency_keys set created_at = now() - interval '25 hours' where director_id = ${id}`
    const before = await keys()
    await createDirectorRepository(service.app.database.db).deleteExpiredKeys()
    expect(await keys()).toBe(before - 1)
    await create({ name: names[0] }, young)
    expect(await named(names[0])).toBe(1)
  })

  test('are 10,000 of a user in a day at most: another one is refused, a repeat is not', async () => {
    const { sql } = service.app.database
    const bob = await adminUser(service.app)
    const [name, key] = [freshName(), freshKey()]
    await create({ name }, key, service.app, bob)
    await sql`insert into idempotency_keys (user_id, key_hash, request_hash, director_id)
      select ${bob.id}::integer, sha256(i::text::bytea), sha256(i::text::bytea), 1 from generate_series(1, 9999) i`
    const refused = await create({ name: freshName() }, freshKey(), service.app, bob)
    problemOf(refused, 429, 'too_many_requests')
    expect(refused.headers['retry-after']).toBe('3600')
    expect((await create({ name }, key, service.app, bob)).statusCode).toBe(201)
    expect(await named(name)).toBe(1)
    expect((await create({ name: freshName() }, freshKey())).statusCode).toBe(201)
    await sql`update idempotency_keys set created_at = now() - interval '25 hours' where user_id = ${bob.id}`
    expect((await create({ name: freshName() }, freshKey(), service.app, bob)).statusCode).toBe(201)
  })

  test('are not stored for an account that is erased at the same moment, and no director is added', async () => {
    const { sql } = service.app.database
    const [bob, name] = [await adminUser(service.app), freshName()]
    let answer: ReturnType<typeof create> | undefined
    await sql.begin(async (tx) => {
      await tx`delete from users where id = ${bob.id}`
      answer = create({ name }, freshKey(), service.app, bob)
      answer.catch(() => {})
      await until(async () => {
        const waiting =
          await tx`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
        return waiting.length > 0
      })
    })
    problemOf((await answer) as Awaited<ReturnType<typeof create>>, 401, 'invalid_token')
    expect(await named(name)).toBe(0)
  })

  test('go with the account of their user', async () => {
    const bob = await adminUser(service.app)
    await create({ name: freshName() }, freshKey(), service.app, bob)
    const before = await keys()
    await service.app.database.sql`delete from users where id = ${bob.id}`
    expect(await keys()).toBe(before - 1)
  })
})
