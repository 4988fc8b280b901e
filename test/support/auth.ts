import { createHmac, randomBytes, randomInt } from 'node:crypto'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { connect, type Database } from '../../src/db/connect.ts'
import { jwtSecret, password, type TestApp, type TestUser, testApp } from './app.ts'
import { readMetrics } from './metrics.ts'
import { expectProblem } from './problems.ts'

export type Members = Record<string, unknown>
export type Tokens = TestUser['tokens']

/** The service of the test file, and its database; see `serveAuth`. */
export let service: TestApp
export let database: Database
// What the log must never hold: filled by the helpers below with all that they send and get.
const secrets = new Set<string>([password])

/** Starts a service for this file, with a log of everything. Its tests may take long: they hash many passwords. */
export function serveAuth(): void {
  vi.setConfig({ testTimeout: 180_000 })
  beforeAll(async () => {
    service = await testApp({ LOG_LEVEL: 'trace' })
    database = connect(service.databaseUrl, { max: 2 })
  })
  afterAll(async () => {
    await database.close()
    await service.close()
  })
}

/** To be called last in a file: its log is that of all tests above. */
export function checkLog(): void {
  describe('the log', () => {
    test('holds a line for each request, and no login, password, token or hash', async () => {
      const log = service.log()
      expect(log.match(/"operation":"login(Alias)?"/g)?.length).toBeGreaterThan(0)
      const hashes = await database.sql`select password_hash from users`
      for (const { password_hash } of hashes) secrets.add(password_hash)
      expect(secrets.size).toBeGreaterThan(20)
      expect([...secrets].filter((secret) => log.includes(secret))).toEqual([])
      expect(log).not.toContain('$argon2')
    })
  })
}

export interface Call {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  url: string
  payload?: Members | string
  headers?: Record<string, string>
  remoteAddress?: string
}

const sensitive = /^(login|email|phone|username|(old_|new_)?password(_[12])?|access_token|refresh_token|token)$/

/** Injects, and remembers what must not show up in the log. */
export async function call(options: Call, app: FastifyInstance = service.app): Promise<LightMyRequestResponse> {
  const answer = await app.inject(options)
  const sent =
    typeof options.payload === 'string' ? Object.fromEntries(new URLSearchParams(options.payload)) : options.payload
  remember(sent ?? {})
  if (answer.body.startsWith('{')) remember(answer.json())
  return answer
}

function remember(members: object): void {
  for (const [name, value] of Object.entries(members))
    if (sensitive.test(name) && typeof value === 'string' && value.trim().length > 5) secrets.add(value.trim())
}

export function post(url: string, body: Members | { form: string }): Promise<LightMyRequestResponse> {
  return call({ ...bodyOf(body), url })
}

export function aForm(members: Members): { form: string } {
  return { form: new URLSearchParams(members as Record<string, string>).toString() }
}

export function bodyOf(body: Members | { form: string }): Omit<Call, 'url'> {
  if (typeof body.form !== 'string') return { method: 'POST', payload: body }
  return { method: 'POST', payload: body.form, headers: { 'content-type': 'application/x-www-form-urlencoded' } }
}

export function register(payload: Members, app?: FastifyInstance): Promise<LightMyRequestResponse> {
  return call({ method: 'POST', url: '/auth/register', payload }, app)
}

export function logIn(login: string, secret = password, app?: FastifyInstance): Promise<LightMyRequestResponse> {
  return logInFrom(undefined, login, secret, app)
}

/** From an address; from 127.0.0.1, where the accounts of `newUser` are known, without one. */
export function logInFrom(
  remoteAddress: string | undefined,
  login: string,
  secret = password,
  app?: FastifyInstance,
): Promise<LightMyRequestResponse> {
  const from = remoteAddress === undefined ? {} : { remoteAddress }
  return call({ method: 'POST', url: '/auth/login', payload: { login, password: secret }, ...from }, app)
}

/** The present value of a counter, or of a histogram's `name_count`. */
export async function figure(
  name: string,
  labels: Record<string, string> = {},
  app: FastifyInstance = service.app,
): Promise<number> {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  const fits = (series: string) =>
    series.replace(/\{.*/, '') === name && wanted.every((pair) => RegExp(`[{,]${pair}[,}]`).test(series))
  const all = readMetrics(await app.metrics.metrics())
  return [...all].reduce((sum, [series, value]) => (fits(series) ? sum + value : sum), 0)
}

export function refresh(tokens: Tokens, app?: FastifyInstance): Promise<LightMyRequestResponse> {
  const { access_token, refresh_token } = tokens
  return call({ method: 'PUT', url: '/auth/login', payload: { access_token, refresh_token } }, app)
}

export function changePassword(tokens: Tokens, payload: Members): Promise<LightMyRequestResponse> {
  return call({ method: 'PUT', url: '/user/password', payload, headers: bearer(tokens) })
}

export function profile(tokens: Pick<Tokens, 'access_token'>, app?: FastifyInstance, scheme?: string) {
  return call({ method: 'GET', url: '/user', headers: bearer(tokens, scheme) }, app)
}

export function bearer({ access_token }: Pick<Tokens, 'access_token'>, scheme = 'Bearer') {
  return { authorization: `${scheme} ${access_token}` }
}

/** Registered and logged in by the API. */
export async function newUser(): Promise<TestUser> {
  const login = aName()
  const registered = await register({ login, password })
  const tokens: Tokens = (await logIn(login)).json()
  return { id: registered.json().id, login, tokens, headers: bearer(tokens) }
}

export function aName(): string {
  return `ann.${randomBytes(6).toString('hex')}`
}

export function anEmail(): string {
  return `${aName()}@example.org`
}

export function aPhone(): string {
  return `+38050${randomInt(2_000_000, 9_999_999)}`
}

export async function aGenre(): Promise<number> {
  const [row] = await database.sql`insert into genres (name) values (${aName()}) returning id`
  return row?.id
}

export function upperCaseAt(text: string, i: number): string {
  return ` ${text.slice(0, i)}${text.slice(i).toUpperCase()}`
}

export function statuses(answers: LightMyRequestResponse[]): Record<number, number> {
  const groups = Map.groupBy(answers, (answer) => answer.statusCode)
  return Object.fromEntries([...groups].map(([status, group]) => [status, group.length]))
}

export { expectProblem }

export function expectInvalidToken(answer: LightMyRequestResponse): void {
  expectProblem(answer, 401, 'invalid_token')
  expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"')
  expect(answer.json().detail).toBe(
    'The access token has expired, was revoked or is not ours; refresh it or log in again',
  )
}

/** A token of our form, made by hand. */
export function jwt(
  claims: object,
  { secret = jwtSecret, header = { alg: 'HS256', typ: 'JWT' } as object, hash = 'sha256' } = {},
) {
  const body = [header, claims].map(encode).join('.')
  return `${body}.${createHmac(hash, secret).update(body).digest('base64url')}`
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}

export function claimsOf(token: string): Members {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}

export function withClaims(token: string, claims: Members): string {
  const [header, , signature] = token.split('.')
  return `${header}.${encode(claims)}.${signature}`
}

export function expired(token: string, change: Members = {}): string {
  return jwt({ ...claimsOf(token), iat: 1_000_000_000, exp: 1_000_000_900, ...change })
}

/** Another character in the middle of the signature: its last one has unused bits. */
export function flipped(token: string): string {
  const at = token.length - 20
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
}

export async function expire(user: TestUser): Promise<void> {
  await database.sql`update sessions set expires_at = now() where user_id = ${user.id}`
}

export async function ageRotation(userId: number, seconds: number): Promise<void> {
  const by = `${seconds} seconds`
  await database.sql`update sessions set rotated_at = rotated_at - ${by}::interval where user_id = ${userId}`
}

export async function generation(userId: number): Promise<number | undefined> {
  const [row] = await database.sql`select generation from sessions where user_id = ${userId}`
  return row?.generation
}

export async function isAnyoneWaiting(): Promise<boolean> {
  const rows = await database.sql`
    select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
  return rows.length > 0
}

export async function using(url: string, work: (database: Database) => Promise<unknown>): Promise<void> {
  const other = connect(url, { max: 1 })
  await work(other)
  await other.close()
}

export async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

export function median(times: number[]): number {
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN
}
