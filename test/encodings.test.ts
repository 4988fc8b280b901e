import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Fault } from '../src/embedded/sandbox/server.ts'
import { as, type TestApp, testApp, testUser } from './support/app.ts'
import { expectProblem, filmFact, inDatabase } from './support/movies.ts'
import { repository } from './support/process.ts'

const readable = ['gzip', 'br', 'deflate', 'raw_deflate', 'stacked', 'bom', 'windows_1251', 'koi8_r', 'utf_16'] as const
const unreadable = ['bad_gzip', 'cut_gzip', 'bad_coding', 'bad_charset', 'bad_utf8', 'bomb'] as const
const faults: Fault[] = [...readable, 'mislabelled', ...unreadable]

/** A film for each fault, and a second one for what is well. */
const films = faults.flatMap((_, i) =>
  [1000 + i, 2000 + i].map((id) => filmFact({ id, name_ru: 'Ёжик в тумане', description: 'Мультфильм про ёжика' })),
)

let service: TestApp
let get: (url: string) => ReturnType<ReturnType<typeof as>>
beforeAll(async () => {
  service = await testApp({}, {}, { films })
  const request = as(service.app, await testUser(service.app))
  get = (url) => request({ method: 'GET', url })
})
afterAll(() => service.close())

const filmOf = (fault: Fault) => 1000 + faults.indexOf(fault)
const pathOf = (id: number) => `/api/v2.2/films/${id}`
const storedTexts = (id: number) =>
  inDatabase(service.databaseUrl, async (sql) => {
    const rows = await sql`select body from kinopoisk_answers where path = ${pathOf(id)}`
    return rows.map((row) => row.body as string)
  })

test.each([...readable, 'mislabelled'] as const)('%s is undone, whatever was asked for', async (fault) => {
  const id = filmOf(fault)
  service.sandbox.fail(fault, { times: 1 })
  const response = await get(`/movies/${id}`)
  expect(response.json()).toMatchObject({ title: 'Ёжик в тумане', description: 'Мультфильм про ёжика' })
  // As the text of plain JSON, so that it can be passed on as such.
  const plain = await fetch(service.sandbox.url + pathOf(id), { headers: { 'x-api-key': 'key' } })
  expect(await storedTexts(id)).toEqual([await plain.text()])
})

test.each(unreadable)('%s is refused, and nothing is stored', async (fault) => {
  const id = filmOf(fault)
  service.sandbox.fail(fault, { path: new RegExp(`/${id}$`) })
  const before = service.calls.length
  expectProblem(await get(`/movies/${id}`), 502, 'upstream_bad_response')
  expect(service.calls).toHaveLength(before + 1)
  expect(await storedTexts(id)).toEqual([])
  // So that what is refused here never is all there is.
  expect((await get(`/movies/${id + 1000}`)).statusCode).toBe(200)
})

test('what an earlier version has stored as U+FFFD expires with the migration, and is fetched again', async () => {
  const [lost, well] = [2000, 2001]
  await get(`/movies/${lost}`)
  await get(`/movies/${well}`)
  await inDatabase(service.databaseUrl, async (sql) => {
    await sql`update kinopoisk_answers set body = replace(body, 'Ё', chr(65533)) where path = ${pathOf(lost)}`
    for (const statement of await migrationsOf('fffd')) await sql.unsafe(statement)
  })
  const before = service.calls.length
  const statusOf = async (id: number) => (await get(`/movies/${id}`)).headers['cache-status']
  await expect.poll(() => statusOf(lost), { timeout: 45_000 }).toMatch(/hit; ttl=[1-9]\d{4}/)
  expect(await statusOf(well)).toMatch(/hit; ttl=[1-9]\d{4}/)
  expect(service.calls).toHaveLength(before + 1)
  expect((await storedTexts(lost))[0]).toContain('Ёжик')
})

/** The statements of all migrations that hold such a text. */
async function migrationsOf(text: string): Promise<string[]> {
  const folder = join(repository, 'drizzle')
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql'))
  const files = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))
  const found = files.flatMap((file) => file.split('--> statement-breakpoint')).filter((each) => each.includes(text))
  expect(found).toHaveLength(1)
  return found
}
