import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPosters } from '../src/modules/pictures/posters.ts'
import { testApp, testUser } from './support/app.ts'
import { type Catalogue, catalogue } from './support/films.ts'
import { sending, startHostileHost } from './support/hostile-host.ts'
import { picture } from './support/pictures.ts'
import { expectProblem } from './support/problems.ts'
import { s3Environment, startFaultyS3, startS3 } from './support/s3.ts'

let service: Catalogue
let host: Awaited<ReturnType<typeof startHostileHost>>
let s3: Awaited<ReturnType<typeof startS3>>

beforeAll(async () => {
  ;[host, s3] = await Promise.all([startHostileHost(4_000), startS3()])
  const env = { PICTURE_HOSTS: '.pictures.example', ...s3Environment(s3.url) }
  service = await catalogue({ pictures: { network: host.network } }, env)
})
afterAll(async () => {
  await service.close()
  await s3.close()
  await host.close()
})

const film = async () => service.add({ poster_url: host.serve(sending(await picture('jpeg', 300, 450, true))) })
const keysOf = async (id: number) => (await s3.keys()).filter((key) => key.includes(`/${id}-`))
/** As the service makes them, for what nobody asks for by HTTP. */
const posters = () => {
  const { pictures, database, storage, cache } = service.app
  return createPosters({ ...pictures, db: database.db, storage, cache, warn: () => {} })
}

describe('Pictures in S3', () => {
  test('are read from there by every replica, and fetched again when one is lost', { tags: 'slow' }, async () => {
    const { id } = await film()
    const url = `/films/${id}/poster`
    const first = await service.get(url)
    expect(first.statusCode).toBe(200)
    expect(await keysOf(id)).toHaveLength(3)
    const asked = host.requests.length
    const other = await service.replica({ pictures: { network: host.network } })
    const { headers } = await testUser(other)
    expect((await other.inject({ url, headers })).rawPayload).toEqual(first.rawPayload)
    expect(host.requests.length).toBe(asked)
    for (const key of await keysOf(id)) await service.app.storage.remove(key)
    expect((await service.get(url)).rawPayload).toEqual(first.rawPayload)
    expect([host.requests.length, (await keysOf(id)).length]).toEqual([asked + 1, 3])
  })

  test('of a film that is gone are removed by housekeeping', async () => {
    const { id } = await film()
    await service.get(`/films/${id}/poster`)
    expect(await keysOf(id)).toHaveLength(3)
    expect((await service.admin({ method: 'DELETE', url: `/films/${id}` })).statusCode).toBe(204)
    await posters().cleanup()
    expect(await keysOf(id)).toEqual([])
    expect(await service.app.database.sql`select 1 from pictures where film_id = ${id}`).toHaveLength(0)
  })

  test('of favourites are fetched before anybody asks for them, others are not', async () => {
    const [kept, other] = [await film(), await film()]
    await service.reader({ method: 'POST', url: `/movies/favorites/${kept.id}` })
    await posters().warm(new AbortController().signal)
    expect([(await keysOf(kept.id)).length, (await keysOf(other.id)).length]).toEqual([3, 0])
    const asked = host.requests.length
    await posters().warm(new AbortController().signal)
    expect((await service.get(`/films/${kept.id}/poster`)).statusCode).toBe(200)
    expect(host.requests.length).toBe(asked)
  })
})

test('A picture that cannot be kept is served, and not fetched again and again to be thrown away', {
  tags: 'slow',
}, async () => {
  const faulty = await startFaultyS3()
  const env = { PICTURE_HOSTS: '.pictures.example', S3_TIMEOUT: '2s', ...s3Environment(faulty.url) }
  const broken = await catalogue({ pictures: { network: host.network } }, env)
  const poster_url = host.serve(sending(await picture('jpeg', 300, 450, true)))
  const url = `/films/${(await broken.add({ poster_url })).id}/poster`
  const asked = host.requests.length
  faulty.fault = 'forbidden'
  expect((await broken.get(url)).statusCode).toBe(200)
  const refused = await broken.get(url)
  expectProblem(refused, 503, 'picture_unavailable')
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(30)
  expect(host.requests.length).toBe(asked + 1)
  faulty.fault = 'none'
  await broken.app.database.sql`update pictures set retry_at = now()`
  await expect.poll(async () => (await broken.get(url)).statusCode).toBe(200)
  expect([host.requests.length, faulty.objects.size]).toEqual([asked + 2, 3])
  expect(broken.log()).toContain('a picture was not kept')
  await broken.close()
  await faulty.close()
})

test('Where there is hardly room, nothing is fetched before somebody asks for it', async () => {
  const { id } = await film()
  await service.reader({ method: 'POST', url: `/movies/favorites/${id}` })
  const { pictures, database, storage, cache } = service.app
  const small = createPosters({ ...pictures, maxBytes: 1, db: database.db, storage, cache, warn: () => {} })
  await small.warm(new AbortController().signal)
  expect(await keysOf(id)).toEqual([])
})

test('With PICTURES_MB=0 there are no posters, and no answer leads to one', async () => {
  const none = await testApp({ PICTURES_MB: '0' })
  const { headers } = await testUser(none.app)
  const movie = await none.app.inject({ url: '/movies/301', headers })
  expect(movie.json()).toMatchObject({ poster: null, poster_url: expect.stringMatching(/^https:/) })
  expectProblem(await none.app.inject({ url: '/films/301/poster', headers }), 404, 'picture_not_found')
  await none.close()
})

test('A signed path outlives the change of the secret while the old one is accepted', { tags: 'slow' }, async () => {
  const [older, newer] = ['an older secret of more than 32 bytes', 'a newer secret of more than 32 bytes']
  const first = await testApp({}, { jwtSecrets: [older] })
  const before = await testUser(first.app)
  const path: string = (await first.app.inject({ url: '/movies/301', headers: before.headers })).json().poster
  const both = await first.replica({ jwtSecrets: [newer, older] })
  expect((await both.inject(path)).statusCode).toBe(200)
  const one = await first.replica({ jwtSecrets: [newer] })
  expectProblem(await one.inject(path), 401, 'missing_token')
  const { headers } = await testUser(one)
  const anew: string = (await one.inject({ url: '/movies/301', headers })).json().poster
  expect(anew).not.toBe(path)
  expect((await both.inject(anew)).statusCode).toBe(200)
  await first.close()
})
