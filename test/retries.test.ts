import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { namesIn, pageOf, rowsOf } from './support/documents.ts'
import { type Catalogue, catalogue } from './support/films.ts'
import { documentOf, operationsOf } from './support/operations.ts'
import { writes } from './support/writes.ts'

let service: Catalogue
beforeAll(async () => {
  service = await catalogue()
  await service.reader({ method: 'GET', url: '/movies/301' })
})
afterAll(() => service.close())

const table = rowsOf(pageOf('docs/api.md'), 'write').flatMap(([names, kind, status]) =>
  namesIn(names)
    .filter((name) => name.includes(' '))
    .map((title) => ({ title, kind: kind ?? '', status: Number(status) })),
)

/** Rows of each table, without what counts attempts and answers, and what tells replicas of changes. */
async function countRows(): Promise<Map<string, number>> {
  const { sql } = service.app.database
  const tables = await sql<{ name: string }[]>`
    select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace
      and relname not in ('auth_failures', 'changes') and relname not like 'kinopoisk%\_results'`
  const counts = await Promise.all(
    tables.map(async ({ name }) => [name, (await sql`select from ${sql(name)}`).length] as const),
  )
  return new Map(counts)
}

describe('After a timeout', () => {
  test('docs/api.md says of every operation that changes something what a repeat does', () => {
    const changing = operationsOf(documentOf(service.app)).filter(({ method }) => method !== 'GET')
    const titles = changing.map(({ title }) => title).toSorted()
    expect(table.map(({ title }) => title).toSorted()).toEqual(titles)
    expect(Object.keys(writes).toSorted()).toEqual(titles)
    expect(new Set(table.map(({ kind }) => kind))).toEqual(new Set(['same', 'told', 'again']))
  })

  test.each(table.map((row) => [row.title, row] as const))(
    '%s that is repeated is answered as the table says, and adds nothing that harms',
    async (title, { kind, status }) => {
      const { by, request } = (await writes[title]?.(service)) ?? {}
      if (!request) throw new Error(`How is ${title} sent?`)
      const send = () => service.app.inject({ ...request, headers: { ...request.headers, ...by?.headers } })
      const first = await send()
      expect(first.statusCode, first.body).toBeLessThan(300)
      const before = await countRows()
      const second = await send()
      expect(second.statusCode, second.body).toBe(status)
      if (kind !== 'again') expect(await countRows()).toEqual(before)
      if (kind === 'told') expect(second.statusCode).toBeGreaterThanOrEqual(400)
      else expect(second.statusCode).toBeLessThan(300)
    },
  )
})
