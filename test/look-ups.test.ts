import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { byTrigrams } from '../src/catalogue/title-search.ts'
import { type Catalogue, catalogue } from './support/films.ts'
import { risesDuring } from './support/metrics.ts'

let service: Catalogue

beforeAll(async () => {
  service = await catalogue()
  await service.add({ name: 'Матрица' })
})
afterAll(() => service.close())

const total = async (q: string) => {
  const response = await service.get(`/films?q=${encodeURIComponent(q)}`)
  expect(response.statusCode).toBe(200)
  return response.json().total
}

test('A look-up of the nearest names that takes too long is cut, and its connection is as before', async () => {
  const { db } = service.app.database
  const slow = byTrigrams(db, (tx) => tx.execute(sql`select pg_sleep(60)`), { shared: 0.3, maxMs: 20 })
  expect(await slow).toBeUndefined()
  const quick = byTrigrams(db, (tx) => tx.execute(sql`select 1 as one`), { shared: 0.3, maxMs: 10_000 })
  expect(await quick).toEqual([{ one: 1 }])
  for (let i = 0; i < 20; i++)
    expect(await db.execute(sql`show statement_timeout`)).toEqual([{ statement_timeout: '15s' }])
  await expect(byTrigrams(db, (tx) => tx.execute(sql`select 1 / 0`), { shared: 0.3, maxMs: 1_000 })).rejects.toThrow()
})

test('That nothing is near is remembered for the words, whatever their spelling', async () => {
  expect(await total('абракадабрище')).toBe(0)
  const rises = await risesDuring(service.app, /^memory_cache_lookups_total\{kind="film match"/, async () => {
    for (const q of ['АБРАКАДАБРИЩЕ', 'аБРАкадабрище', '«Абракадабрище»!', 'абракадабрище…'])
      expect(await total(q)).toBe(0)
  })
  expect(rises).toEqual({ 'memory_cache_lookups_total{kind="film match",result="hit"}': 4 })
})

test('A search whose nearest names are not found in time is answered without them, for a minute', {
  tags: 'slow',
}, async () => {
  const { sql: run } = service.app.database
  const similarity = 'strict_word_similarity(text, text)'
  await run.unsafe(`alter function ${similarity} rename to kept_similarity`)
  await run.unsafe(`create function ${similarity} returns real language plpgsql as
    'begin perform pg_sleep(60); return 0; end'`)
  try {
    expect(await total('матирца')).toBe(0)
  } finally {
    await run.unsafe(`drop function ${similarity}`)
    await run.unsafe('alter function kept_similarity(text, text) rename to strict_word_similarity')
  }
  expect(await total('Матирца!')).toBe(0)
  expect(await total('матрциа')).toBe(1)
})
