import { once } from 'node:events'
import { connect } from 'node:net'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, firstAdmin, type TestApp, testAdmin, testApp } from './support/app.ts'

let service: TestApp
let request: ReturnType<typeof as>
const decoders = { br: brotliDecompressSync, gzip: gunzipSync }

beforeAll(async () => {
  service = await testApp({ PUBLIC_CATALOGUE: 'true' }, { firstAdmin })
  request = as(service.app, await testAdmin(service))
  const director = await request({ method: 'POST', url: '/directors', payload: { name: 'Лана Вачовски' } })
  for (let i = 0; i < 25; i++) {
    const film = {
      name: `Фильм ${i}`,
      genre: 'драма',
      director_id: director.json().id,
      rate: 7,
      year: 2000,
      minutes: 100,
    }
    const answer = await request({
      method: 'POST',
      url: '/films',
      payload: { ...film, description: 'Длинно. '.repeat(20) },
    })
    expect(answer.statusCode).toBe(201)
  }
})
afterAll(() => service.close())

const get = (url: string, headers: Record<string, string> = {}) => request({ method: 'GET', url, headers })

describe('A response', () => {
  test.each(['br', 'gzip'] as const)(
    'is compressed with %s where the client accepts it, and says so',
    { tags: 'slow' },
    async (coding) => {
      for (const url of ['/films', '/movies', '/films/export.csv', '/openapi.json', '/docs/static/swagger-ui.css']) {
        const plain = await get(url)
        const answer = await get(url, { 'accept-encoding': coding })
        expect([url, answer.statusCode, answer.headers['content-encoding']]).toEqual([url, 200, coding])
        expect([url, plain.headers['content-encoding']]).toEqual([url, undefined])
        expect(decoders[coding](answer.rawPayload).equals(plain.rawPayload)).toBe(true)
        expect(answer.rawPayload.length).toBeLessThan(plain.rawPayload.length)
        for (const each of [plain, answer]) expect(String(each.headers.vary)).toMatch(/accept-encoding/i)
        if (plain.headers.etag && !String(plain.headers.etag).startsWith('W/'))
          expect(answer.headers.etag).toBe(String(plain.headers.etag).replace(/"$/, `.${coding}"`))
      }
    },
  )

  test('has the coding that the client likes best', async () => {
    const codingOf = async (accepted: string) =>
      (await get('/films', { 'accept-encoding': accepted })).headers['content-encoding']
    expect(await codingOf('gzip, deflate, br')).toBe('br')
    expect(await codingOf('GZIP')).toBe('gzip')
    expect(await codingOf('br;q=0.5, gzip;q=0.8')).toBe('gzip')
    expect(await codingOf('br;q=0, *')).toBe('gzip')
    expect(await codingOf('*')).toBe('br')
    expect(await codingOf('identity, br;q=0.1')).toBeUndefined()
    expect(await codingOf('zstd, deflate')).toBeUndefined()
    expect(await codingOf('')).toBeUndefined()
  })

  test('is plain below 1 kB, and still varies', async () => {
    const answer = await get('/genres', { 'accept-encoding': 'br' })
    expect(answer.headers['content-encoding']).toBeUndefined()
    expect(answer.headers.vary).toBe('accept-encoding')
  })

  test('is 304 for the tag of its own coding only, also beside Cache-Control: no-cache', async () => {
    const { etag } = (await get('/films', { 'accept-encoding': 'br' })).headers
    const known = { 'accept-encoding': 'br', 'if-none-match': String(etag), 'cache-control': 'no-cache' }
    const answer = await get('/films', known)
    expect([answer.statusCode, answer.body]).toEqual([304, ''])
    expect(answer.headers).toMatchObject({ etag, vary: 'accept-encoding' })
    expect(answer.headers['content-encoding']).toBeUndefined()
    expect((await get('/films', { ...known, 'accept-encoding': 'gzip' })).statusCode).toBe(200)
    const csv = await get('/films/export.csv', { 'accept-encoding': 'br' })
    const again = await get('/films/export.csv', { ...known, 'if-none-match': String(csv.headers.etag) })
    expect([again.statusCode, again.headers.etag, again.headers.vary]).toEqual([
      304,
      csv.headers.etag,
      'accept-encoding',
    ])
  })

  test('to HEAD has the headers of GET, and no body', async () => {
    const headers = { 'accept-encoding': 'br' }
    const read = await get('/films', headers)
    const head = await request({ method: 'HEAD', url: '/films', headers })
    expect(head.rawPayload.length).toBe(0)
    for (const name of ['content-encoding', 'content-length', 'etag', 'vary'])
      expect([name, head.headers[name]]).toEqual([name, read.headers[name]])
  })

  test('with secrets in it is never compressed', async () => {
    const headers = { 'accept-encoding': 'br, gzip' }
    for (let i = 0; i < 12; i++)
      await request({ method: 'POST', url: '/user/keys', payload: { name: `a key of some length, number ${i}` } })
    for (const url of ['/user/keys', '/auth/sessions']) {
      const answer = await get(url, headers)
      expect([url, answer.statusCode, answer.headers['content-encoding']]).toEqual([url, 200, undefined])
    }
    expect((await get('/user/keys', headers)).body.length).toBeGreaterThan(1024)
    const login = { method: 'POST', url: '/auth/login', payload: firstAdmin, headers } as const
    expect((await service.app.inject(login)).headers['content-encoding']).toBeUndefined()
  })

  test('is compressed once for all who ask', async () => {
    const count = async () =>
      Number(/http_compressions_total\{coding="br",result="kept"\} (\d+)/.exec((await get('/metrics')).body)?.[1] ?? 0)
    await get('/films', { 'accept-encoding': 'br' })
    const before = await count()
    for (let i = 0; i < 3; i++) await get('/films', { 'accept-encoding': 'br' })
    expect(await count()).toBe(before + 3)
  })

  test('that is streamed ends whole over a connection, and frees what a reader leaves', async () => {
    await service.app.listen({ port: 0 })
    const { port } = service.app.server.address() as { port: number }
    const answer = await fetch(`http://127.0.0.1:${port}/films/export.csv`)
    expect(answer.headers.get('content-encoding')).toMatch(/br|gzip/)
    expect(Buffer.from(await answer.arrayBuffer()).toString()).toBe((await get('/films/export.csv')).body)
    const socket = connect(port, '127.0.0.1')
    socket.write('GET /films/export.csv HTTP/1.1\r\nhost: a\r\naccept-encoding: br\r\n\r\n')
    await once(socket, 'data')
    socket.destroy()
    expect((await get('/films/export.csv', { 'accept-encoding': 'br' })).headers['content-encoding']).toBe('br')
  })
})
