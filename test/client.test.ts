import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createKinoteka } from '../clients/typescript/index.js'
import { password, type TestApp, testApp } from './support/app.ts'

let service: TestApp
let baseUrl: string

beforeAll(async () => {
  service = await testApp({ ACCESS_TTL: '1s' })
  baseUrl = await service.app.listen()
  const anonymous = createKinoteka({ baseUrl })
  const { response } = await anonymous.POST('/auth/register', { body: { login: 'ann@example.org', password } })
  expect(response.status).toBe(201)
})
afterAll(() => service.close())

describe('The client for TypeScript', () => {
  test('makes the tour of the README, typed', async () => {
    const kinoteka = createKinoteka({ baseUrl })
    await kinoteka.logIn('ann@example.org', password)
    const found = await kinoteka.GET('/movies/search', { params: { query: { query: 'матрица' } } })
    expect(found.data?.items[0]?.title).toBe('Матрица')
    const movie = await kinoteka.GET('/movies/{id}', { params: { path: { id: '301' } } })
    expect(movie.data?.original_title).toBe('The Matrix')
    const added = await kinoteka.POST('/movies/favorites', { body: { kinopoisk_id: 301 } })
    expect(added.data?.favorites_count).toBe(1)
    const kept = await kinoteka.GET('/movies/favorites')
    expect(kept.data?.map(({ id }) => id)).toEqual([301])
    const films = await kinoteka.GET('/films', {
      params: { query: { genre: ['комедия'], min_rate: 8.5, sort: '-rate' } },
    })
    expect(films.data?.items).toBeInstanceOf(Array)
    const { error } = await kinoteka.GET('/films/{id}', { params: { path: { id: 999 } } })
    expect(error?.code).toBe('film_not_found')
  })

  test('refreshes a token that has ended, once for all requests of that time, and tells the new pair', {
    tags: 'slow',
  }, async () => {
    const pairs: unknown[] = []
    const kinoteka = createKinoteka({ baseUrl, onTokens: (pair) => void pairs.push(pair) })
    await kinoteka.logIn('ann@example.org', password)
    await expect.poll(() => statusWith(pairs[0] as { access_token: string })).toBe(401)
    const answers = await Promise.all([1, 2, 3].map(() => kinoteka.PATCH('/user', { body: { name: 'Ann' } })))
    expect(answers.map(({ data }) => data?.name)).toEqual(['Ann', 'Ann', 'Ann'])
    expect(pairs).toHaveLength(2)
  })

  test('tells when the session has ended', async () => {
    const pairs: unknown[] = []
    const kinoteka = createKinoteka({ baseUrl, onTokens: (pair) => void pairs.push(pair) })
    await kinoteka.logIn('ann@example.org', password)
    await kinoteka.logOut()
    // A token lives a second here, and may have been renewed in between.
    expect(pairs.pop()).toBeUndefined()
    expect(pairs[0]).toMatchObject({ expires_in: 1 })
    expect(pairs).not.toContain(undefined)
    expect((await kinoteka.GET('/user')).error?.code).toBe('missing_token')
  })

  test('is packed with its types, and nothing else', { tags: 'slow' }, async () => {
    const { stdout } = await promisify(execFile)('npm', ['pack', '--dry-run', '--json'], { cwd: 'clients/typescript' })
    const [packed] = JSON.parse(stdout) as { files: { path: string }[] }[]
    const files = packed?.files.map(({ path }) => path).toSorted()
    expect(files).toEqual(['README.md', 'index.d.ts', 'index.js', 'package.json', 'schema.d.ts'])
  })
})

async function statusWith({ access_token }: { access_token: string }): Promise<number> {
  return (await fetch(`${baseUrl}/user`, { headers: { authorization: `Bearer ${access_token}` } })).status
}
