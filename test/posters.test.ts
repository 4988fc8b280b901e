import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { drawPoster } from '../src/embedded/sandbox/poster.ts'
import { as, type TestApp, type TestUser, testApp, testUser } from './support/app.ts'
import { expectProblem } from './support/problems.ts'

let service: TestApp
let user: TestUser

beforeAll(async () => {
  service = await testApp()
  user = await testUser(service.app)
})
afterAll(() => service.close())

const get = (url: string, headers: Record<string, string> = {}) => service.app.inject({ method: 'GET', url, headers })
const asUser = (url: string) => as(service.app, user)({ method: 'GET', url })
const posterOf = async (id: number): Promise<string> => (await asUser(`/movies/${id}`)).json().poster

describe('The poster of a film', () => {
  test('needs no token by its signed path, and caches keep it for a year', async () => {
    const path = await posterOf(301)
    expect(path).toMatch(/^\/films\/301\/poster\?size=medium&v=[a-z0-9]+&signature=[\w-]{22}$/)
    const first = await get(path)
    expect(first.statusCode).toBe(200)
    expect(first.headers).toMatchObject({
      'content-type': 'image/webp',
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
    })
    const { etag } = first.headers
    expect((await get(path, { 'if-none-match': String(etag) })).statusCode).toBe(304)
    const again = await get(path)
    expect(again.rawPayload).toEqual(first.rawPayload)
    expect((await asUser('/films/301')).json().poster).toBe(path)
  })

  test('with a token, and no signature, has three sizes', async () => {
    const widths = new Map<string, number>()
    for (const size of ['small', 'medium', 'full']) {
      const { statusCode, headers, rawPayload } = await asUser(`/films/301/poster?size=${size}`)
      expect([statusCode, headers['cache-control']]).toEqual([200, 'private, no-cache'])
      const { format, width = 0, height = 0 } = await sharp(rawPayload).metadata()
      expect([format, height > width]).toEqual(['webp', true])
      widths.set(size, width)
    }
    expect(Object.fromEntries(widths)).toEqual({ small: 180, medium: 360, full: 360 })
    expect((await asUser('/films/301/poster')).rawPayload).toEqual(
      (await asUser('/films/301/poster?size=medium')).rawPayload,
    )
  })

  test.each([
    ['no signature', (path: string) => path.replace(/&signature=.*/, '')],
    ['that of another film', (path: string) => path.replace('/301/', '/326/')],
    ['that of another size', (path: string) => path.replace('medium', 'full')],
    ['that of the default size, for another', (path: string) => path.replace('size=medium&', 'size=small&')],
    ['one that is cut', (path: string) => path.slice(0, -1)],
    ['two', (path: string) => `${path}&signature=x`],
    ['an empty one', (path: string) => path.replace(/signature=.*/, 'signature=')],
  ])('with %s is 401 without a token', async (_, change) => {
    const response = await get(change(await posterOf(301)))
    expectProblem(response, 401, 'missing_token')
    expect(response.headers['cache-control']).toBe('no-store')
  })

  test('is 404 for a film that is not known, and for one without a picture', async () => {
    expectProblem(await asUser('/films/999999998/poster'), 404, 'film_not_found')
    await asUser('/movies/326')
    await service.app.database.sql`update films set poster_url = null where id = 326`
    expectProblem(await asUser('/films/326/poster'), 404, 'picture_not_found')
    expect((await asUser('/films/326')).json().poster).toBeNull()
  })

  test.each(['http://kinopoisk.ru/1.jpg', 'https://evil.example/1.jpg', 'https://kinopoisk.ru:8443/1.jpg'])(
    'is none where the address is %s',
    async (url) => {
      await asUser('/movies/435')
      await service.app.database.sql`update films set poster_url = ${url} where id = 435`
      expect((await asUser('/films/435')).json()).toMatchObject({ poster_url: url, poster: null })
      expectProblem(await asUser('/films/435/poster'), 404, 'picture_not_found')
    },
  )
})

describe('A drawn poster', () => {
  test('is the same each time, shows Cyrillic, and takes any title', async () => {
    const film = { id: 1, title: 'Матрица', year: 1999 }
    const drawn = await drawPoster(film)
    expect(await drawPoster(film)).toEqual(drawn)
    // Letters, not one and the same box.
    const other = await drawPoster({ ...film, title: 'Цатриям' })
    expect(other.equals(drawn)).toBe(false)
    for (const title of ['<b>&amp; "\'</span>', 'x'.repeat(500), '', '\u0000\u0007', 'Ґанок Їжака', '😀 映画']) {
      const { width, height } = await sharp(await drawPoster({ id: 2, title, year: null })).metadata()
      expect([title, width, height]).toEqual([title, 360, 540])
    }
  })
})
