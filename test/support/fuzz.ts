import { randomBytes } from 'node:crypto'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import fc from 'fast-check'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import { afterAll, describe, expect, test } from 'vitest'
import { password, type TestUser, testApp, testUser } from './app.ts'
import { type Shot, shotsAt } from './arbitraries.ts'
import { adminUser, documentOf, exampleRequest, type Operation, operationsOf } from './operations.ts'

// The same shots every time, unless FUZZ_SEED says otherwise; FUZZ_RUNS of them at each operation, few in the quick tests.
const seed = Number(process.env.FUZZ_SEED ?? 20_261_120)
const numRuns = Number(process.env.FUZZ_RUNS ?? 80)

const reports: unknown[] = []
const service = await testApp(
  { LOG_LEVEL: 'silent', KINOPOISK_DAILY_QUOTA: '-1', KINOPOISK_COMPATIBLE: 'true' },
  { report: (error) => reports.push(error) },
)
const document = documentOf(service.app)
const operations = operationsOf(document)
const succeeded = new Set<string>()
const users: { [role in Shot['role']]?: TestUser | undefined } = {}

// What the examples name is there from now on: a film, its genres, an account.
for (const operation of operations)
  await service.app.inject({ ...exampleRequest(operation), headers: (await userOf('admin')).headers })

afterAll(() => service.close())

describe(`Whatever comes (FUZZ_SEED=${seed} FUZZ_RUNS=${numRuns})`, () => {
  test.each(operations.map((operation) => [operation.title, operation] as const))(
    '%s answers as its document says',
    async (_, operation) => {
      const check = answerCheck(operation)
      reports.length = 0
      const property = fc.asyncProperty(shotsAt(operation), async (shot) => {
        const response = await fire(operation, shot)
        if (response.statusCode < 300) succeeded.add(operation.title)
        check(response, shot.role)
      })
      const { failed, counterexample, errorInstance } = await fc.check(property, {
        seed: seed + hash(operation),
        numRuns,
      })
      if (failed) throw tell(operation, counterexample?.[0], errorInstance)
      expect(reports).toEqual([])
    },
    120_000,
  )

  // A few shots hit what they may.
  const isWhole = numRuns >= 80
  if (isWhole)
    test('most operations were reached behind their checks of input', () => {
      const missed = operations.map((operation) => operation.title).filter((title) => !succeeded.has(title))
      expect(missed.length / operations.length, `never succeeded: ${missed.join(', ')}`).toBeLessThan(0.2)
    })
})

/** Sends a shot. A user whom an earlier shot logged out, blocked or erased logs in again, or is replaced by a new one. */
async function fire(operation: Operation, shot: Shot): Promise<LightMyRequestResponse> {
  const isUser = shot.role === 'user' || shot.role === 'admin'
  const response = await service.app.inject(await requestOf(operation, shot))
  // What is in order for a user with such a limit would be a fault of any other shot.
  if (operation.title === 'PATCH /users/{id}') await service.app.database.sql`update users set daily_limit = null`
  const isKeyed = shot.role === 'key' || (isUser && operation.tags.includes('compatible'))
  if (response.statusCode === 401 && isKeyed && !operation.isPublic) {
    programKey = undefined
    return service.app.inject(await requestOf(operation, shot))
  }
  if (response.statusCode !== 401 || !isUser || operation.isPublic) return response
  users[shot.role] = await loggedInAgain(users[shot.role])
  return service.app.inject(await requestOf(operation, shot))
}

async function requestOf({ method, tags }: Operation, shot: Shot): Promise<InjectOptions> {
  const user = await userOf(shot.role)
  const headers: Record<string, string> = {}
  if (shot.contentType !== undefined) headers['content-type'] = shot.contentType
  if (shot.role === 'stranger') headers.authorization = 'Bearer undefined'
  else if (shot.role === 'key' || (shot.role !== 'nobody' && tags.includes('compatible')))
    headers['x-api-key'] = await keyOfProgram()
  else if (shot.role !== 'nobody') headers.authorization = user.headers.authorization
  const url = shot.query ? `${shot.path}?${shot.query}` : shot.path
  const payload = shot.body && fillIn(shot.body, user)
  return { method, url, headers, ...(payload !== undefined && { payload }) }
}

let programKey: string | undefined

/** A key that opens as much as a key can; another one when its user is gone. */
async function keyOfProgram(): Promise<string> {
  if (programKey) return programKey
  const { headers } = await testUser(service.app)
  const payload = { name: 'fuzz', scopes: ['gateway', 'read', 'lists'] }
  const made = await service.app.inject({ method: 'POST', url: '/user/keys', headers, payload })
  programKey = made.json<{ key: string }>().key
  return programKey
}

async function userOf(role: Shot['role']): Promise<TestUser> {
  const known = users[role] ?? (role === 'admin' ? await adminUser(service.app) : await testUser(service.app))
  users[role] = known
  return known
}

/** Undefined when there is no such user any more, or its password was changed. */
async function loggedInAgain(user: TestUser | undefined): Promise<TestUser | undefined> {
  if (!user) return undefined
  const payload = { login: user.login, password }
  const response = await service.app.inject({ method: 'POST', url: '/login', payload })
  if (response.statusCode !== 200) return undefined
  const tokens = response.json<TestUser['tokens']>()
  return { ...user, tokens, headers: { authorization: `Bearer ${tokens.access_token}` } }
}

function fillIn(body: string, { tokens, login }: TestUser): string {
  const live: Record<string, string> = { ...tokens, login, password, fresh: `fresh${randomBytes(5).toString('hex')}` }
  return body.replace(/<(\w+)>/g, (text, name: string) => live[name] ?? text)
}

/** Throws unless an answer is one that the document has for the operation. */
function answerCheck(operation: Operation): (response: LightMyRequestResponse, role: Shot['role']) => void {
  const ajv = new Ajv2020({ strict: false })
  formats.default(ajv)
  ajv.addFormat('text', true)
  const compiled = new Map<string, ValidateFunction>()
  const validatorOf = (key: string, schema: object) => {
    const validate = compiled.get(key) ?? ajv.compile({ ...schema, components: document.components })
    compiled.set(key, validate)
    return validate
  }
  return ({ statusCode, headers, body }, role) => {
    if (statusCode >= 500) throw new Error(`a fault within: ${statusCode} ${body}`)
    const answer = operation.responses[statusCode]
    if (!answer) throw new Error(`status ${statusCode} is not documented: ${body}`)
    if (!headers['x-request-id']) throw new Error('no X-Request-Id')
    if (/postgres|drizzle|node_modules|\bat .*\.ts:/i.test(body)) throw new Error(`tells too much: ${body}`)
    if (programKey && body.includes(programKey)) throw new Error(`tells the key: ${body}`)
    const outsider = role === 'nobody' || role === 'stranger'
    if (outsider && !operation.isPublic && statusCode < 400) throw new Error('let in without a token')
    if (!answer.content) {
      if (body !== '') throw new Error(`a body where the document has none: ${body}`)
      return
    }
    const type = String(headers['content-type']).split(';', 1)[0] ?? ''
    const media = answer.content[type]
    if (!media) throw new Error(`content type ${type} is not documented for ${statusCode}`)
    if (!type.endsWith('json')) return
    const validate = validatorOf(`${statusCode} ${type}`, media.schema ?? {})
    if (!validate(JSON.parse(body))) throw new Error(`${statusCode} ${ajv.errorsText(validate.errors)}: ${body}`)
  }
}

/** Operations alike get other shots each. */
function hash({ title }: Operation): number {
  return [...title].reduce((sum, character) => (sum * 31 + character.charCodeAt(0)) % 1_000_003, 0)
}

function tell(operation: Operation, shot: Shot | undefined, cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const fault = [operation.title, reason.slice(0, 1000), JSON.stringify(shot)?.slice(0, 2000), `FUZZ_SEED=${seed}`]
  return new Error(fault.join('\n'), { cause })
}
