import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createImages } from '../src/modules/directors/images.ts'
import { createPhotoService } from '../src/modules/directors/photo-service.ts'
import { createDirectorRepository } from '../src/modules/directors/repository.ts'
import { as, firstAdmin, type TestApp, type TestUser, testAdmin, testApp, testUser } from './support/app.ts'
import { expectProblem } from './support/movies.ts'
import { form, type Part, photo, picture, pngBomb } from './support/pictures.ts'
import { type FaultyS3, s3Environment, startFaultyS3, startS3 } from './support/s3.ts'

let service: TestApp
let admin: TestUser
let asAdmin: ReturnType<typeof as>
let port: number

async function start(env: Record<string, string> = {}): Promise<void> {
  service = await testApp(env, { firstAdmin })
  admin = await testAdmin(service)
  asAdmin = as(service.app, admin)
  port = Number(new URL(await service.app.listen({ port: 0 })).port)
}

async function director(): Promise<{ id: number; url: string }> {
  const { id } = (await asAdmin({ method: 'POST', url: '/directors', payload: { name: 'Somebody' } })).json()
  return { id, url: `/directors/${id}/photo` }
}

const put = (url: string, upload: ReturnType<typeof form>) => asAdmin({ method: 'PUT', url, ...upload })
const told = (answer: { statusCode: number; json(): { code?: string } }) => [answer.statusCode, answer.json().code]
const row = async (id: number) => (await asAdmin({ method: 'GET', url: `/directors/${id}` })).json()

/** The files of the folder storage, unfinished ones included. */
async function files(): Promise<string[]> {
  const entries = await readdir(join(service.dataDir, 'photos'), { recursive: true, withFileTypes: true }).catch(
    () => [],
  )
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

describe('photos in a folder', () => {
  let id: number
  let url: string

  beforeAll(() => start())
  afterAll(() => service.close())
  beforeEach(async () => {
    ;({ id, url } = await director())
  })
  afterEach(async () => {
    // Every test leaves the storage empty: each director takes the photo along.
    await asAdmin({ method: 'DELETE', url: `/directors/${id}` })
    expect(await files()).toEqual([])
  })

  test.each(['jpeg', 'png', 'webp'] as const)('a %s is kept in its own format', async (kind) => {
    const answer = await put(url, photo(await picture(kind), { filename: 'x.txt', type: 'text/plain' }))
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toMatchObject({ id, photo_url: url })
    expect(await row(id)).toEqual(answer.json())
    const got = await asAdmin({ method: 'GET', url })
    expect(got.statusCode).toBe(200)
    expect(got.headers).toMatchObject({
      'content-type': `image/${kind}`,
      'content-length': String(got.rawPayload.length),
      'x-content-type-options': 'nosniff',
      'cache-control': 'private, no-cache',
    })
    expect(await sharp(got.rawPayload).metadata()).toMatchObject({ format: kind, width: 40, height: 30 })
    expect(await asAdmin({ method: 'HEAD', url })).toMatchObject({
      statusCode: 200,
      body: '',
      headers: { 'content-length': got.headers['content-length'], etag: got.headers.etag },
    })
  })

  test('a client that has it is told so, until there is another', async () => {
    await put(url, photo(await picture('png')))
    const etag = String((await asAdmin({ method: 'GET', url })).headers.etag)
    const again = (tag: string) => asAdmin({ method: 'GET', url, headers: { 'if-none-match': tag } })
    for (const tag of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      expect(await again(tag)).toMatchObject({ statusCode: 304, body: '', headers: { etag } })
    }
    expect((await again('"other"')).statusCode).toBe(200)
    await put(url, photo(await picture('jpeg')))
    const changed = await again(etag)
    expect([changed.statusCode, changed.headers['content-type']]).toEqual([200, 'image/jpeg'])
    expect(await files()).toHaveLength(1)
  })

  test('it is removed once; then there is none', async () => {
    await put(url, photo(await picture('png')))
    expect(await asAdmin({ method: 'DELETE', url })).toMatchObject({ statusCode: 204, body: '' })
    expect(await files()).toEqual([])
    expect(await row(id)).toMatchObject({ photo_url: null })
    for (const method of ['GET', 'DELETE'] as const) {
      expect(told(await asAdmin({ method, url }))).toEqual([404, 'photo_not_found'])
    }
  })

  test('a file that somebody took away is 404', async () => {
    await put(url, photo(await picture('png')))
    const { sql } = service.app.database
    const [kept] = await sql`select photo_key from directors where id = ${id}`
    await service.app.storage.remove(kept?.photo_key)
    expect(told(await asAdmin({ method: 'GET', url }))).toEqual([404, 'photo_not_found'])
  })

  test('nothing but the picture is kept: no EXIF, no tail, upright and at most 2048 pixels', async () => {
    const plain = sharp({ create: { width: 3000, height: 1000, channels: 3, background: 'red' } })
    const tagged = await plain
      .withExif({ IFD0: { Copyright: 'a secret place' } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer()
    expect(tagged.toString('latin1')).toContain('a secret place')
    await put(url, photo(Buffer.concat([tagged, Buffer.from('PK\u0003\u0004<script>alert(1)</script>')])))
    const kept = (await asAdmin({ method: 'GET', url })).rawPayload
    expect(kept.toString('latin1')).not.toMatch(/secret|script|alert/)
    const about = await sharp(kept).metadata()
    expect([about.width, about.height, about.orientation, about.exif]).toEqual([683, 2048, undefined, undefined])
  })

  test('of an animation the first frame is kept', async () => {
    const frames = await Promise.all(['red', 'blue'].map((background) => sharp(frame(background)).png().toBuffer()))
    const animation = await sharp(frames, { join: { animated: true } })
      .webp({ loop: 0, delay: [100, 100] })
      .toBuffer()
    expect((await sharp(animation).metadata()).pages).toBe(2)
    await put(url, photo(animation))
    const about = await sharp((await asAdmin({ method: 'GET', url })).rawPayload).metadata()
    expect([about.format, about.width, about.height, about.pages ?? 1]).toEqual(['webp', 20, 20, 1])
  })

  test.each(['../../x.png', '/etc/passwd', 'a\0b.png', 'x'.repeat(5000), '', '%2e%2e%2f', 'фото.svg'])(
    'the name %j has no say',
    async (filename) => {
      const answer = await put(url, photo(await picture('png'), { filename }))
      expect([200, 400]).toContain(answer.statusCode)
      for (const path of await files()) expect(path).toMatch(/photos\/directors\/[0-9a-f-]{36}\.png$/)
    },
  )

  const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
  test.each([
    ['an SVG', svg],
    ['an SVG that says XML', `<?xml version="1.0"?>${svg}`],
    ['HTML', '<html><script>alert(1)</script>'],
    ['a GIF', Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')],
    ['a TIFF', Buffer.from('II*\0\u0008\0\0\0')],
    ['a PDF', '%PDF-1.7'],
    ['a RIFF that is no WebP', 'RIFF\0\0\0\0WAVEfmt '],
    ['one byte', 'x'],
  ])('%s is 415, whatever it calls itself', async (_, bytes) => {
    const answer = await put(url, photo(bytes, { filename: 'photo.png', type: 'image/png' }))
    expect(told(answer)).toEqual([415, 'unsupported_media_type'])
    expect(await row(id)).toMatchObject({ photo_url: null })
  })

  test.each(['jpeg', 'png', 'webp'] as const)(
    'a %s that is cut short, or only begins like one, is 400',
    async (kind) => {
      const whole = await picture(kind, 300, 300, true)
      for (const bytes of [
        whole.subarray(0, whole.length / 2),
        whole.subarray(0, 16),
        fakeAfter(whole.subarray(0, 16)),
      ]) {
        expect(told(await put(url, photo(bytes)))).toEqual([400, 'invalid_input'])
      }
    },
  )

  test('an empty file is 400', async () => {
    const answer = await put(url, photo(''))
    expect(answer.json()).toMatchObject({ code: 'invalid_input', detail: 'body.photo must not be empty' })
  })

  test('a picture of 900 megapixels is 413 at once', { tags: 'slow' }, async () => {
    const bomb = pngBomb()
    expect(bomb.length).toBeLessThan(1_000_000)
    const before = process.memoryUsage().rss
    expect(told(await put(url, photo(bomb)))).toEqual([413, 'payload_too_large'])
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000)
  })

  test('5 MiB are taken, a byte more is 413', async () => {
    const limit = 5 * 1024 * 1024
    const start = await picture('jpeg')
    const fits = Buffer.concat([start, Buffer.alloc(limit - start.length)])
    expect((await put(url, photo(fits))).statusCode).toBe(200)
    expect(told(await put(url, photo(Buffer.concat([fits, Buffer.from('x')]))))).toEqual([413, 'payload_too_large'])
    expect(await files()).toHaveLength(1)
  })

  test('the form must be one file named photo and nothing else', async () => {
    const bytes = await picture('png')
    const file: Part = { filename: 'photo.png', bytes }
    const field: Part = { name: 'title', bytes: 'x' }
    const forms = {
      nothing: form(),
      'another name': form({ ...file, name: 'file' }),
      'a field named photo': form({ bytes }),
      'two files': form(file, file),
      'two files of two names': form(file, { ...file, name: 'other' }),
      'a field before': form(field, file),
      'a field after': form(file, field),
      'many fields': form(file, ...Array(50).fill(field)),
      'a forbidden name': form({ ...file, name: '__proto__' }),
      'bad JSON': form({ name: 'photo', filename: undefined as never, type: 'application/json', bytes: '{' }),
    }
    for (const [name, upload] of Object.entries(forms)) {
      const answer = await put(url, upload)
      expect([name, ...told(answer)]).toEqual([name, 400, 'invalid_input'])
      expect(answer.json().detail).toMatch(/photo/)
    }
  })

  test('a form that is damaged is 400, a body that is no form is 415, none is 400', async () => {
    const good = photo(await picture('png'))
    const cut = { ...good, payload: good.payload.subarray(0, -30) }
    const strange = { ...good, headers: { 'content-type': 'multipart/form-data; boundary=other' } }
    const unbounded = { ...good, headers: { 'content-type': 'multipart/form-data' } }
    for (const upload of [cut, strange, unbounded]) expect((await put(url, upload)).statusCode).toBe(400)
    for (const type of ['image/png', 'application/json', 'application/x-www-form-urlencoded', 'text/plain']) {
      const answer = await put(url, { ...good, headers: { 'content-type': type } })
      expect(told(answer)).toEqual([415, 'unsupported_media_type'])
    }
    expect(told(await asAdmin({ method: 'PUT', url }))).toEqual([400, 'invalid_input'])
  })

  test('other routes know no forms with files', async () => {
    const upload = photo(await picture('png'))
    for (const [method, address] of [
      ['POST', '/directors'],
      ['PATCH', `/directors/${id}`],
      ['POST', '/genres'],
      ['POST', '/register'],
      ['POST', '/movies/favorites'],
    ] as const) {
      expect(told(await asAdmin({ method, url: address, ...upload }))).toEqual([415, 'unsupported_media_type'])
    }
  })

  test('an unknown director and a stranger are told before the body is read', async () => {
    const head = 'content-type: multipart/form-data; boundary=x\r\ncontent-length: 5000000\r\n'
    const authorization = `authorization: ${admin.headers.authorization}\r\n`
    const ask = (path: string, headers: string) => raw(`PUT ${path} HTTP/1.1\r\nhost: x\r\n${headers}\r\n`)
    expect(await ask('/directors/2147483647/photo', head + authorization)).toMatch(/^HTTP\/1.1 404 /)
    expect(await ask(url, head)).toMatch(/^HTTP\/1.1 401 /)
  })

  test('a client that leaves at half leaves nothing', async () => {
    const { payload, headers } = photo(await picture('png', 500, 500, true))
    await new Promise<void>((resolve) => {
      const upload = httpRequest({
        port,
        path: url,
        method: 'PUT',
        headers: { ...headers, ...admin.headers, 'content-length': payload.length },
      })
      upload.on('error', () => {})
      upload.on('close', resolve)
      upload.write(payload.subarray(0, payload.length / 2), () => setTimeout(() => upload.destroy(), 50))
    })
    await expect
      .poll(() => service.log())
      .toMatch(/"operation":"setDirectorPhoto","event":"change","outcome":"aborted".*"status":499/)
    expect(await row(id)).toMatchObject({ photo_url: null })
  })

  test('a body too large is refused in the middle, and the client can read why', { tags: 'slow' }, async () => {
    const { payload, headers } = photo(Buffer.alloc(20 * 1024 * 1024))
    const answer = await fetch(`http://127.0.0.1:${port}${url}`, {
      method: 'PUT',
      headers: { ...headers, ...admin.headers },
      body: new Uint8Array(payload),
    })
    const { code } = (await answer.json()) as { code: string }
    expect([answer.status, code]).toEqual([413, 'payload_too_large'])
  })

  test('of many uploads at once one photo is left', async () => {
    const [png, jpeg] = [await picture('png'), await picture('jpeg')]
    const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => put(url, photo(i % 2 ? png : jpeg))))
    expect(answers.map((answer) => answer.statusCode)).toEqual(Array(12).fill(200))
    expect(await files()).toHaveLength(1)
    expect((await asAdmin({ method: 'GET', url })).statusCode).toBe(200)
  })

  test('more uploads than can be held are 503, not a longer queue', { tags: 'slow' }, async () => {
    const large = photo(await picture('png', 1200, 1200, true))
    const answers = await Promise.all(Array.from({ length: 40 }, () => put(url, large)))
    const statuses = new Set(answers.map((answer) => answer.statusCode))
    expect([...statuses].toSorted()).toEqual([200, 503])
    expect(answers.find((answer) => answer.statusCode === 503)?.json().code).toBe('overloaded')
    expect(await files()).toHaveLength(1)
  })

  test('when the row cannot be saved the new photo is removed and the old one stays', async () => {
    await put(url, photo(await picture('jpeg')))
    const before = await files()
    const { sql } = service.app.database
    await sql`create function refuse() returns trigger language plpgsql as
      $$ begin raise 'no' using errcode = '57014'; end $$`
    await sql`create trigger refuse before update on directors for each row execute function refuse()`
    try {
      expect(told(await put(url, photo(await picture('png'))))).toEqual([503, 'database_unavailable'])
      expect(await files()).toEqual(before)
      expect((await asAdmin({ method: 'GET', url })).headers['content-type']).toBe('image/jpeg')
    } finally {
      await sql`drop function refuse cascade`
    }
  })

  test('a director removed meanwhile gets no photo', { tags: 'slow' }, async () => {
    const upload = put(url, photo(await picture('png', 1200, 1200, true)))
    await new Promise((resolve) => setTimeout(resolve, 20))
    await asAdmin({ method: 'DELETE', url: `/directors/${id}` })
    expect([200, 404]).toContain((await upload).statusCode)
    expect(await files()).toEqual([])
  })
})

describe('photos in S3', () => {
  let s3: Awaited<ReturnType<typeof startS3>>

  beforeAll(async () => {
    s3 = await startS3()
    await start(s3Environment(s3.url))
  })
  afterAll(async () => {
    await service.close()
    await s3.close()
  })

  test.each(['jpeg', 'png', 'webp'] as const)('a %s is put there and fetched by redirect', async (kind) => {
    const { id, url } = await director()
    expect((await put(url, photo(await picture(kind)))).json()).toMatchObject({ photo_url: url })
    const answer = await asAdmin({ method: 'GET', url })
    expect([answer.statusCode, answer.headers['cache-control'], answer.body]).toEqual([302, 'no-store', ''])
    const got = await fetch(String(answer.headers.location))
    expect([got.status, got.headers.get('content-type')]).toEqual([200, `image/${kind}`])
    expect(await sharp(await got.arrayBuffer()).metadata()).toMatchObject({ format: kind, width: 40, height: 30 })
    for (const method of ['GET', 'HEAD']) {
      const followed = await fetch(`http://127.0.0.1:${port}${url}`, { method, headers: admin.headers })
      expect([followed.status, new URL(followed.url).origin]).toEqual([200, s3.url])
    }
    await asAdmin({ method: 'DELETE', url: `/directors/${id}` })
    expect(await s3.keys()).toEqual([])
  })

  test('a page of our own gets the picture itself', async () => {
    const { url } = await director()
    await put(url, photo(await picture('png')))
    const headers = { 'sec-fetch-site': 'same-origin' }
    const answer = await asAdmin({ method: 'GET', url, headers })
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'image/png'])
    expect(await sharp(answer.rawPayload).metadata()).toMatchObject({ format: 'png', width: 40 })
    const etag = String(answer.headers.etag)
    const again = await asAdmin({ method: 'GET', url, headers: { ...headers, 'if-none-match': etag } })
    expect([again.statusCode, again.body]).toEqual([304, ''])
    await asAdmin({ method: 'DELETE', url })
    expect(told(await asAdmin({ method: 'GET', url, headers }))).toEqual([404, 'photo_not_found'])
  })

  test('readers of our page who do not read hold some photos, and keep nobody else from theirs', {
    tags: 'slow',
  }, async () => {
    const { url } = await director()
    expect((await put(url, photo(await picture('png', 1200, 1200, true)))).statusCode).toBe(200)
    const headers = { 'sec-fetch-site': 'same-origin' }
    // Never read from: the kernel takes a part of the photo only.
    const idle = Array.from({ length: 6 }, () => connect(port, '127.0.0.1').on('error', () => {}))
    const lines = Object.entries({ host: 'localhost', ...admin.headers, ...headers })
    const head = [`GET ${url} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n')
    for (const socket of idle) socket.write(head)
    let own: Awaited<ReturnType<typeof asAdmin>> | undefined
    const ask = async () => {
      own = await asAdmin({ method: 'GET', url, headers })
      return own.statusCode
    }
    await expect.poll(ask).toBe(503)
    expectProblem(own as NonNullable<typeof own>, 503, 'overloaded')
    const bob = as(service.app, await testUser(service.app, 'bob'))
    expect((await bob({ method: 'GET', url, headers })).statusCode).toBe(200)
    for (const socket of idle) socket.destroy()
    await expect.poll(ask).toBe(200)
    await asAdmin({ method: 'DELETE', url })
  })

  test('the old photo goes after the new one has come; removed, there is none', async () => {
    const { id, url } = await director()
    for (const kind of ['png', 'jpeg', 'png'] as const) await put(url, photo(await picture(kind)))
    expect(await s3.keys()).toEqual([expect.stringMatching(/^directors\/[0-9a-f-]{36}\.png$/)])
    expect((await asAdmin({ method: 'DELETE', url })).statusCode).toBe(204)
    expect(await s3.keys()).toEqual([])
    expect(await row(id)).toMatchObject({ photo_url: null })
    expect(told(await asAdmin({ method: 'GET', url }))).toEqual([404, 'photo_not_found'])
  })

  test('nothing is put into the folder', async () => {
    expect(await readdir(service.dataDir)).toEqual([])
  })
})

describe('photos in an S3 that fails', () => {
  let s3: FaultyS3

  beforeAll(async () => {
    s3 = await startFaultyS3()
    await start({ ...s3Environment(s3.url), S3_TIMEOUT: '2s' })
  })
  afterAll(async () => {
    await service.close()
    await s3.close()
  })

  test.each(['forbidden', 'error', 'slow down', 'html', 'reset', 'hang'] as const)(
    '%s: 503, and the row and the old photo stay',
    { tags: 'slow' },
    async (fault) => {
      const { id, url } = await director()
      await put(url, photo(await picture('png')))
      const objects = [...s3.objects.keys()]
      const before = (await service.app.database.sql`select * from directors where id = ${id}`)[0]
      s3.fault = fault
      const answer = await put(url, photo(await picture('jpeg')))
      s3.fault = 'none'
      expect(told(answer)).toEqual([503, 'storage_unavailable'])
      expect(answer.headers['retry-after']).toBe('5')
      expect(answer.body).not.toMatch(/secret|photos\/|127\.0\.0\.1|AccessDenied|SlowDown|html/)
      expect((await service.app.database.sql`select * from directors where id = ${id}`)[0]).toEqual(before)
      expect([...s3.objects.keys()]).toEqual(objects)
      expect((await put(url, photo(await picture('jpeg')))).statusCode).toBe(200)
      expect(s3.objects.size).toBe(objects.length)
    },
  )

  test('an upload whose answer is lost is taken back', { tags: 'slow' }, async () => {
    const { id, url } = await director()
    const count = s3.objects.size
    Object.assign(s3, { fault: 'late', failures: 3 })
    expect(told(await put(url, photo(await picture('png'))))).toEqual([503, 'storage_unavailable'])
    Object.assign(s3, { fault: 'none', failures: Number.POSITIVE_INFINITY })
    expect(await row(id)).toMatchObject({ photo_url: null })
    expect(s3.objects.size).toBe(count)
  })

  test('what cannot be removed now is logged and swept later; the answer is as ever', async () => {
    const { id, url } = await director()
    await put(url, photo(await picture('png')))
    const { url: kept } = await director()
    await put(kept, photo(await picture('png')))
    s3.fault = 'forbidden'
    expect((await asAdmin({ method: 'DELETE', url })).statusCode).toBe(204)
    expect(await row(id)).toMatchObject({ photo_url: null })
    expect(service.log()).toContain('a photo that nobody needs could not be removed')

    const { db, sql } = service.app.database
    const loose = () => sql`select key from loose_photos`
    const directors = createDirectorRepository(db)
    const failed: string[] = []
    const photos = createPhotoService({
      directors,
      storage: service.app.storage,
      images: createImages(),
      onDeleteFailed: (_error, key) => failed.push(key),
    })
    await sql`update loose_photos set since = now() - interval '2 hours'`
    await photos.cleanup()
    expect(failed).toEqual((await loose()).map(({ key }) => key))
    const left = () => [...s3.objects.keys()].filter((path) => failed.some((key) => path.endsWith(key)))
    expect(left()).not.toEqual([])
    s3.fault = 'none'
    // Another replica that cleans up now finds nothing to do.
    await photos.cleanup()
    expect((await loose()).length).toBe(failed.length)
    await sql`update loose_photos set since = now() - interval '2 hours'`
    await directors.addOrphanedPhoto('directors/of-an-upload-under-way.png')
    await photos.cleanup()
    expect(await loose()).toEqual([{ key: 'directors/of-an-upload-under-way.png' }])
    expect(left()).toEqual([])
    expect((await asAdmin({ method: 'GET', url: kept })).statusCode).toBe(302)
  })

  test('a photo that its row names after all stays, though the upload failed', async () => {
    const { id, url } = await director()
    const { db } = service.app.database
    const directors = createDirectorRepository(db)
    const unsure: typeof directors = {
      ...directors,
      swapPhoto: async (...change) => {
        await directors.swapPhoto(...change)
        throw new Error('the answer of the database is lost')
      },
    }
    const photos = createPhotoService({
      directors: unsure,
      storage: service.app.storage,
      images: createImages(),
      onDeleteFailed: () => {},
    })
    const before = s3.objects.size
    const bytes = await picture('png')
    await expect(photos.replace(id, 1, async () => bytes)).rejects.toThrow('is lost')
    expect(s3.objects.size).toBe(before + 1)
    expect((await asAdmin({ method: 'GET', url })).statusCode).toBe(302)
  })

  test('reading does not need S3', async () => {
    const { url } = await director()
    await put(url, photo(await picture('png')))
    s3.fault = 'error'
    expect((await asAdmin({ method: 'GET', url })).statusCode).toBe(302)
    s3.fault = 'none'
  })
})

test('the document tells the form and each way that the picture is answered', { tags: 'slow' }, async () => {
  await start()
  const { paths, components } = (await service.app.inject({ method: 'GET', url: '/openapi.json' })).json()
  const { get, put } = paths['/directors/{id}/photo']
  const schema = components.schemas.PhotoForm
  expect(Object.keys(put.requestBody.content)).toEqual(['multipart/form-data'])
  expect(put.requestBody.content['multipart/form-data'].schema).toEqual({ $ref: '#/components/schemas/PhotoForm' })
  expect(schema).toMatchObject({ type: 'object', required: ['photo'] })
  expect(schema.properties.photo).toMatchObject({ type: 'string', format: 'binary', contentMediaType: 'image/*' })
  expect(Object.keys(get.responses['200'].content)).toEqual(['image/jpeg', 'image/png', 'image/webp'])
  expect(Object.keys(get.responses)).toEqual(expect.arrayContaining(['302', '304', '401', '404', '503']))
  expect(Object.keys(put.responses)).toEqual(
    expect.arrayContaining(['200', '400', '401', '403', '404', '413', '415', '500', '503']),
  )
  await service.close()
})

function frame(background: string) {
  return { create: { width: 20, height: 20, channels: 3 as const, background } }
}

function fakeAfter(start: Buffer): Buffer {
  return Buffer.concat([start, Buffer.from('<script>alert(1)</script>'.repeat(50))])
}

/** The start of what the service answers to bytes on a socket; the sending side stays open. */
async function raw(bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(bytes)
  const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(5000) })
  socket.destroy()
  return String(answer)
}
