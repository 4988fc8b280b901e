import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPictureRepository } from '../src/modules/pictures/repository.ts'
import { createPictureStore } from '../src/modules/pictures/store.ts'
import { isPublicAddress } from '../src/pictures/addresses.ts'
import { type Catalogue, catalogue } from './support/films.ts'
import { type Answer, sending, startHostileHost } from './support/hostile-host.ts'
import { picture, pngBomb } from './support/pictures.ts'
import { expectProblem } from './support/problems.ts'

let service: Catalogue
let host: Awaited<ReturnType<typeof startHostileHost>>
let jpeg: Buffer

beforeAll(async () => {
  host = await startHostileHost(4_000)
  service = await catalogue({ pictures: { network: host.network } }, { PICTURE_HOSTS: '.pictures.example' })
  jpeg = await picture('jpeg', 300, 450, true)
})
afterAll(async () => {
  await service.close()
  await host.close()
})

async function film(poster_url: string): Promise<string> {
  const { id } = await service.add({ poster_url })
  return `/films/${id}/poster`
}
const filmOf = async (answer: Answer) => film(host.serve(answer))
/** How often a host was asked for something during some work. */
async function requestsDuring(work: () => Promise<unknown>): Promise<number> {
  const before = host.requests.length
  await work()
  return host.requests.length - before
}
const expectNone = async (url: string) => expectProblem(await service.get(url), 404, 'picture_not_found')

describe('A picture', () => {
  test('is fetched once, however many ask for it at once and later, and shared by replicas', async () => {
    const url = await filmOf(sending(jpeg))
    const fetched = await requestsDuring(async () => {
      const answers = await Promise.all(
        ['small', 'medium', 'full', 'full'].map((size) => service.get(`${url}?size=${size}`)),
      )
      expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200])
      const again = await service.get(`${url}?size=full`)
      expect(again.rawPayload).toEqual(answers[2]?.rawPayload)
      expect(await sharp(again.rawPayload).metadata()).toMatchObject({ format: 'webp', width: 300, height: 450 })
    })
    expect(fetched).toBe(1)
    const { body } = await service.app.inject('/metrics')
    expect(body).toMatch(/^picture_fetches_total\{outcome="ok"\} 1$/m)
  })

  test('is another one when the film has another address', async () => {
    const url = await filmOf(sending(jpeg))
    const first = await service.get(url)
    const other = host.serve(sending(await picture('png', 200, 300, true)))
    await service.admin({ method: 'PATCH', url: url.replace('/poster', ''), payload: { poster_url: other } })
    const second = await service.get(url)
    expect(second.statusCode).toBe(200)
    expect(second.headers.etag).not.toBe(first.headers.etag)
  })
})

describe('A hostile host', () => {
  test.each(['10.0.0.1', '169.254.169.254', '192.168.0.1', '::1', '::ffff:10.0.0.1', 'fd00::1', '0.0.0.0'])(
    'whose name leads to %s is not connected to',
    async (address) => {
      for (const addresses of [[address], ['127.0.0.1', address]]) {
        const url = host.serve(sending(jpeg))
        host.resolveTo(url, addresses)
        const poster = await film(url)
        expect(await requestsDuring(() => expectNone(poster))).toBe(0)
      }
    },
  )

  test('is connected to at the address that was checked, and checked again for the next connection', async () => {
    const url = host.serve(sending(jpeg))
    const { hostname } = new URL(url)
    const second = host.serve(sending(jpeg), hostname)
    host.resolveTo(url, ['127.0.0.1'], ['10.0.0.1'])
    expect((await service.get(await film(url))).statusCode).toBe(200)
    expect(host.lookUps.filter((each) => each === hostname)).toHaveLength(1)
    const poster = await film(second)
    expect(await requestsDuring(() => expectNone(poster))).toBe(0)
    expect(host.lookUps.filter((each) => each === hostname)).toHaveLength(2)
  })

  test('is not followed where it redirects', async () => {
    const target = host.serve(sending(jpeg))
    const poster = await filmOf((_, response) => response.writeHead(302, { location: target }).end())
    expect(await requestsDuring(() => expectNone(poster))).toBe(1)
  })

  test.each<[string, () => Promise<Answer> | Answer]>([
    ['a page with 200', () => sending('<html><body>404</body></html>')],
    ['SVG', () => sending('<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>')],
    ['PNG with markup in it', () => sending(Buffer.from('xPNG\r\n\u001a\n<svg xmlns="http://www.w3.org/2000/svg"/>'))],
    ['GIF', () => sending(Buffer.from('GIF89a\u0001\u0000\u0001\u0000'))],
    ['nothing', () => sending('')],
    ['half a picture', () => sending(jpeg.subarray(0, 500))],
    ['a picture of 900 megapixels', () => sending(pngBomb())],
    ['a picture of one colour', async () => sending(await picture('png', 200, 300))],
    ['a dot', async () => sending(await picture('png', 20, 20, true))],
    ['a length of 11 MB', () => sending('', { 'content-length': String(11 * 1024 * 1024) })],
    [
      '11 MB without a length',
      () => (_, response) => {
        response.on('error', () => {})
        for (let i = 0; i < 11; i++) response.write(Buffer.alloc(1024 * 1024, 0xff))
        response.end()
      },
    ],
  ])('that sends %s has no picture, and is not asked again', async (_, make) => {
    const poster = await filmOf(await make())
    expect(await requestsDuring(() => expectNone(poster))).toBe(1)
    expect(await requestsDuring(() => expectNone(poster))).toBe(0)
  })

  test.each<[string, Answer]>([
    [
      'drips its bytes',
      (_, response) => {
        response.writeHead(200)
        const timer = setInterval(() => response.write('x'), 100)
        response.on('close', () => clearInterval(timer))
      },
    ],
    ['never answers', () => {}],
    ['fails', (_, response) => response.writeHead(500).end()],
    ['cuts', (_, response) => response.writeHead(200, { 'content-length': '1000' }).destroy()],
  ])('that %s is remembered: it is 503, at once the second time', { tags: 'slow' }, async (_, answer) => {
    const poster = await filmOf(answer)
    const first = await requestsDuring(async () => expectProblem(await service.get(poster), 503, 'picture_unavailable'))
    expect(first).toBe(1)
    const second = await service.get(poster)
    expectProblem(second, 503, 'picture_unavailable')
    expect(Number(second.headers['retry-after'])).toBeGreaterThan(30)
    expect(host.requests.filter((each) => each === host.requests.at(-1))).toHaveLength(1)
  })

  test('that fails again and again is left alone, and delays no data', async () => {
    const name = 'down.pictures.example'
    const down = () => film(host.serve((_, response) => response.writeHead(503).end(), name))
    for (let times = 0; times < 3; times++) expect(await requestsDuring(async () => service.get(await down()))).toBe(1)
    const poster = await down()
    expect(await requestsDuring(async () => expectProblem(await service.get(poster), 503, 'picture_unavailable'))).toBe(
      0,
    )
    const { statusCode, body } = await service.get(poster.replace('/poster', ''))
    expect([statusCode, JSON.parse(body).poster]).toEqual([200, expect.stringMatching(/^\/films\//)])
  })

  test('that sends the same for many films has sent a placeholder', { tags: 'slow' }, async () => {
    const same = await picture('jpeg', 200, 300, true)
    const posters = await Promise.all(Array.from({ length: 5 }, () => filmOf(sending(same))))
    const statuses: number[] = []
    for (const each of posters) statuses.push((await service.get(each)).statusCode)
    expect(statuses).toEqual([200, 200, 200, 200, 404])
    await service.app.database.sql`update films set updated_at = now()`
    for (const each of posters) await expectNone(each)
  })
})

test('Pictures that are least recently used make room', async () => {
  const { database, storage } = service.app
  const pictures = createPictureRepository(database.db)
  const { sql } = database
  await sql`delete from pictures`
  const sizes: number[] = []
  const store = createPictureStore({ pictures, storage, maxBytes: 250, onKept: (bytes) => sizes.push(bytes) })
  const variants = [{ name: 'small.webp' as const, bytes: Buffer.alloc(100) }]
  const keep = async (id: number) => {
    await store.keep(id, 'a', `hash${id}`, variants)
    await store.evict()
  }
  for (const id of [1, 2]) await keep(id)
  await sql`update pictures set used_at = now() - film_id * interval '1 day'`
  expect(await store.isNearlyFull()).toBe(false)
  await keep(3)
  expect(sizes).toEqual([100, 200, 200])
  expect((await sql`select film_id from pictures order by 1`).map(({ film_id }) => film_id)).toEqual([1, 3])
  expect(await store.read(2, 'hash2', 'small.webp')).toBeUndefined()
  expect(await store.read(3, 'hash3', 'small.webp')).toHaveLength(100)
})

test.each([
  ['93.184.216.34', true],
  ['2606:4700::1', true],
  ...['127.0.0.1', '100.64.0.1', '172.16.0.1', '224.0.0.1', '255.255.255.255', '192.0.2.1', 'x', ''].map(
    (each): [string, boolean] => [each, false],
  ),
  ...['fe80::1', '::', '::ffff:127.0.0.1', '64:ff9b::a00:1', '2002:a00:1::', 'ff02::1', '2001:db8::1', '2001::1'].map(
    (each): [string, boolean] => [each, false],
  ),
])('%s is a public address: %s', (address, isPublic) => {
  expect(isPublicAddress(address)).toBe(isPublic)
})
