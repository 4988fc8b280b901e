import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, type TestApp, testApp, testUser } from './support/app.ts'
import { client, makeKey } from './support/compatible.ts'

let service: TestApp
let get: ReturnType<typeof client>
let token: { authorization: string }

beforeAll(async () => {
  service = await testApp({ KINOPOISK_COMPATIBLE: 'true' })
  const user = await testUser(service.app)
  token = user.headers
  get = client(service.app, await makeKey(service.app, user))
  await as(service.app, user)({ method: 'GET', url: '/movies/301' })
  await as(service.app, user)({ method: 'GET', url: '/movies/326' })
})
afterAll(() => service.close())

const withoutKey = (url: string, headers = {}) => service.app.inject({ method: 'GET', url, headers })

describe("Upstream's addresses of posters", () => {
  test('are JPEG for a key of the scope gateway', async () => {
    for (const [path, width] of Object.entries({ kp: 360, kp_small: 180 })) {
      const response = await get(`/images/posters/${path}/301.jpg`)
      expect([path, response.statusCode]).toEqual([path, 200])
      expect(response.headers).toMatchObject({
        'content-type': 'image/jpeg',
        'cache-control': 'private, max-age=86400',
        'access-control-allow-origin': '*',
        'cross-origin-resource-policy': 'cross-origin',
      })
      expect(await sharp(response.rawPayload).metadata()).toMatchObject({ format: 'jpeg', width })
    }
  })

  test('show without a key what is kept of films of the catalogue, and nothing else', async () => {
    const url = '/images/posters/kp/326.jpg'
    expect((await withoutKey(url)).statusCode).toBe(401)
    await get(url)
    expect((await withoutKey(url)).statusCode).toBe(401)
    await service.app.database.sql`insert into directors (name) values ('d')`
    await service.app.database.sql`update films set listed = true, year = 1994, minutes = 142, rate = 9,
      director_id = (select max(id) from directors) where id = 326`
    const open = await withoutKey(url)
    expect([open.statusCode, open.headers['cache-control']]).toEqual([200, 'public, max-age=86400'])
    expect((await withoutKey('/images/posters/kp_small/999.jpg')).statusCode).toBe(401)
  })

  test('have errors in the form of upstream, and take no access token', async () => {
    const absent = await get('/images/posters/kp/999999998.jpg')
    expect([absent.statusCode, Object.keys(absent.json())]).toEqual([404, ['message']])
    const odd = await get('/images/posters/kp/x.jpg')
    expect([odd.statusCode, Object.keys(odd.json())]).toEqual([400, ['message']])
    expect((await withoutKey('/images/posters/kp/301.jpg', token)).statusCode).not.toBe(200)
  })
})
