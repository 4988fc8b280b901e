import dns from 'node:dns'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { crc32 } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { loadConfig } from '../src/config/config.ts'
import { createFolderStorage } from '../src/storage/folder.ts'
import { createS3Storage } from '../src/storage/s3.ts'
import type { Storage } from '../src/storage/storage.ts'
import { type Fault, type FaultyS3, s3Environment, s3Settings, startFaultyS3, startS3 } from './support/s3.ts'

const bytes = Buffer.from('not really a picture')
const key = 'directors/0b9e.png'

describe('the folder', () => {
  let folder: string
  let storage: Storage

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kinoteka-folder-'))
    storage = await createFolderStorage(folder)
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  test('gives back what it was given, and nothing once that is removed', async () => {
    expect(await storage.get(key, 'GET')).toBeUndefined()
    await storage.put(key, bytes, 'image/png')
    const kept = await storage.get(key, 'GET')
    if (!kept || !('stream' in kept)) throw new Error('a stream was expected')
    expect(kept).toMatchObject({ size: bytes.length, contentType: 'image/png' })
    expect(await buffer(kept.stream)).toEqual(bytes)
    await storage.remove(key)
    await storage.remove(key)
    expect(await storage.get(key, 'GET')).toBeUndefined()
    await storage.close()
  })

  test('files are for the service alone', async () => {
    await storage.put(key, bytes, 'image/png')
    expect((await stat(join(folder, key))).mode & 0o777).toBe(0o600)
  })

  test.each([
    '../x.png',
    '/etc/passwd',
    'a/../../x.png',
    'a//b.png',
    '.hidden.png',
    'a\0.png',
    'A.png',
    'a',
    '',
    'a/.png',
  ])('the key %j is refused by every call', async (bad) => {
    await expect(storage.put(bad, bytes, 'image/png')).rejects.toThrow('a key of the storage')
    await expect(storage.get(bad, 'GET')).rejects.toThrow()
    await expect(storage.remove(bad)).rejects.toThrow('a key of the storage')
    expect(await readdir(folder)).toEqual([])
  })

  test('what cannot be written leaves nothing and is storage_unavailable', async () => {
    await writeFile(join(folder, 'directors'), 'a file where a folder should be')
    const outcome = await storage.put(key, bytes, 'image/png').catch((error) => error)
    expect(outcome).toMatchObject({ code: 'storage_unavailable', statusCode: 503 })
    expect(outcome.message).not.toContain(folder)
    expect(await readdir(folder)).toEqual(['directors'])
    await mkdir(join(folder, 'films', '1.png'), { recursive: true })
    await expect(storage.put('films/1.png', bytes, 'image/png')).rejects.toMatchObject({ code: 'storage_unavailable' })
    await expect(storage.remove('films/1.png')).rejects.toMatchObject({ code: 'storage_unavailable' })
    await expect(storage.get('directors/x.png', 'GET')).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect((await readdir(folder)).toSorted()).toEqual(['directors', 'films'])
  })

  test('the next start removes what a killed process left unfinished, but not what is being written', async () => {
    const [old, young] = [join(folder, '.unfinished-old'), join(folder, '.unfinished-young')]
    await Promise.all([writeFile(old, bytes), writeFile(young, bytes), storage.put(key, bytes, 'image/png')])
    const twoHoursAgo = Date.now() / 1000 - 7200
    await utimes(old, twoHoursAgo, twoHoursAgo)
    await createFolderStorage(folder)
    expect((await readdir(folder)).toSorted()).toEqual(['.unfinished-young', 'directors'])
    expect(await readFile(join(folder, key))).toEqual(bytes)
  })
})

describe('S3', () => {
  let s3: FaultyS3
  let storage: Storage

  beforeEach(async () => {
    s3 = await startFaultyS3()
    storage = createS3Storage(s3Settings(s3.url))
  })
  afterEach(async () => {
    await storage.close()
    await s3.close()
  })

  test('calls are signed (version 4), with the length, the type and the CRC32 of the bytes', async () => {
    await storage.put(key, bytes, 'image/png')
    await storage.remove(key)
    expect(s3.calls.map(({ method, path, isAuthentic }) => [method, path, isAuthentic])).toEqual([
      ['PUT', `/photos/${key}`, true],
      ['DELETE', `/photos/${key}`, true],
    ])
    const crc = Buffer.alloc(4)
    crc.writeUInt32BE(crc32(bytes))
    expect(s3.calls[0]?.headers).toMatchObject({
      'content-length': String(bytes.length),
      'content-type': 'image/png',
      'x-amz-checksum-crc32': crc.toString('base64'),
    })
    expect(s3.calls[0]?.headers['content-encoding']).toBeUndefined()
  })

  test('the URL for a client is signed for its method, for 5 minutes', async () => {
    await storage.put(key, bytes, 'image/png')
    const url = await signedUrl(storage, 'GET')
    expect([...url.searchParams.keys()].filter((name) => /checksum/.test(name))).toEqual([])
    expect(await (await fetch(url)).text()).toBe(bytes.toString())
    await fetch(url, { method: 'HEAD' })
    await fetch(await signedUrl(storage, 'HEAD'), { method: 'HEAD' })
    url.searchParams.set('X-Amz-Expires', '3000')
    await fetch(url)
    const told = s3.calls.slice(1).map(({ method, isAuthentic }) => [method, isAuthentic])
    expect(told).toEqual([
      ['GET', true],
      ['HEAD', false],
      ['HEAD', true],
      ['GET', false],
    ])
  })

  test('when_required leaves the checksum out', async () => {
    const plain = createS3Storage({ ...s3Settings(s3.url), checksums: 'when_required' })
    await plain.put(key, bytes, 'image/png')
    const names = Object.keys(s3.calls[0]?.headers ?? {})
    expect(names.filter((name) => /checksum|trailer/.test(name))).toEqual([])
    expect(s3.calls[0]?.isAuthentic).toBe(true)
    await plain.close()
  })

  const faults: [Fault, number][] = [
    ['forbidden', 1],
    ['error', 3],
    ['slow down', 3],
    ['html', 3],
    ['reset', 3],
  ]
  test.each(faults)(
    '%s is storage_unavailable after %i calls, without a word of S3',
    { tags: 'slow' },
    async (fault, attempts) => {
      s3.fault = fault
      for (const call of [() => storage.put(key, bytes, 'image/png'), () => storage.remove(key)]) {
        s3.calls.length = 0
        const error = await call().catch((error) => error)
        expect(error).toMatchObject({ code: 'storage_unavailable', statusCode: 503, headers: { 'retry-after': '5' } })
        expect(error.message).toBe('The storage of photos cannot be used now, try again later')
        expect(s3.calls).toHaveLength(attempts)
      }
    },
  )

  test('a server that does not answer is given up within the timeout', { tags: 'slow' }, async () => {
    s3.fault = 'hang'
    await expect(storage.put(key, bytes, 'image/png')).rejects.toMatchObject({ code: 'storage_unavailable' })
    expect(s3.calls.length).toBeGreaterThan(1)
  })

  test('nobody there is storage_unavailable', async () => {
    await s3.close()
    await expect(storage.put(key, bytes, 'image/png')).rejects.toMatchObject({ code: 'storage_unavailable' })
    s3 = await startFaultyS3()
  })

  test.each(['error', 'slow down', 'reset', 'hang'] as const)(
    'a passing %s goes unnoticed',
    { tags: 'slow' },
    async (fault) => {
      Object.assign(s3, { fault, failures: 1 })
      await storage.put(key, bytes, 'image/png')
      expect(s3.objects.get(`/photos/${key}`)).toEqual(bytes)
    },
  )
})

describe('a bucket', () => {
  beforeAll(() => {
    // No name server is asked: every name of the domain `test` is this machine.
    const { lookup } = dns
    const fake = ((name: string, options: dns.LookupOptions, done: (...told: unknown[]) => void) =>
      name.endsWith('.test')
        ? done(null, ...(options.all ? [[{ address: '127.0.0.1', family: 4 }]] : ['127.0.0.1', 4]))
        : lookup(name, options, done)) as typeof dns.lookup
    vi.spyOn(dns, 'lookup').mockImplementation(fake)
  })
  afterAll(() => vi.restoreAllMocks())

  test.each([
    ['in the path', undefined, (url: URL) => url.host.startsWith('s3.test:') && url.pathname === `/photos/${key}`],
    ['in the host', false, (url: URL) => url.host.startsWith('photos.s3.test:') && url.pathname === `/${key}`],
  ] as const)(
    '%s: what is put is fetched by a signed URL, as it was',
    { tags: 'slow' },
    async (_, forcePathStyle, isAsWanted) => {
      const server = await startS3('s3.test')
      for (const checksums of ['when_supported', 'when_required'] as const) {
        const storage = createS3Storage({ ...s3Settings(server.url), forcePathStyle, checksums })
        const large = Buffer.alloc(300_000, 'photo')
        await storage.put(key, large, 'image/png')
        expect(await server.keys()).toEqual([key])
        const url = await signedUrl(storage, 'GET')
        expect(isAsWanted(url)).toBe(true)
        expect(url.searchParams.get('X-Amz-Expires')).toBe('300')
        const answer = await fetch(url)
        expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'image/png'])
        expect(Buffer.from(await answer.arrayBuffer())).toEqual(large)
        expect((await fetch(await signedUrl(storage, 'HEAD'), { method: 'HEAD' })).status).toBe(200)
        await storage.remove(key)
        await storage.remove(key)
        expect(await server.keys()).toEqual([])
        await storage.close()
      }
      await server.close()
    },
  )

  test('of AWS is named in the host, of others in the path', async () => {
    const of = (endpoint: string) => signedUrl(createS3Storage(s3Settings(endpoint)), 'GET')
    expect((await of('https://s3.eu-central-1.amazonaws.com')).host).toBe('photos.s3.eu-central-1.amazonaws.com')
    expect((await of('https://account.r2.cloudflarestorage.com')).pathname).toBe(`/photos/${key}`)
    expect((await of('https://amazonaws.com.example.org')).pathname).toBe(`/photos/${key}`)
  })

  test('that clients reach elsewhere has its URLs signed for there', async () => {
    const storage = createS3Storage({ ...s3Settings('http://s3:8333'), publicEndpoint: 'https://photos.example.org' })
    expect((await signedUrl(storage, 'GET')).host).toBe('photos.example.org')
  })
})

describe('the configuration', () => {
  test('all five variables of the account or none', () => {
    expect(() => loadConfig({ S3_BUCKET: 'photos' })).toThrow('S3_SECRET_ACCESS_KEY are set all five or none')
    expect(loadConfig(s3Environment('http://s3:8333')).s3Options).toEqual({
      publicEndpoint: undefined,
      forcePathStyle: undefined,
      checksums: 'when_supported',
      timeoutMs: 10_000,
    })
  })

  test('the other ones are read and checked', () => {
    const env = { S3_FORCE_PATH_STYLE: 'false', S3_CHECKSUMS: 'when_required', S3_TIMEOUT: '2s' }
    const expected = { forcePathStyle: false, checksums: 'when_required', timeoutMs: 2000 }
    expect(loadConfig({ ...s3Environment('http://s3:8333'), ...env }).s3Options).toMatchObject(expected)
    for (const name of ['S3_CHECKSUMS', 'S3_FORCE_PATH_STYLE', 'S3_TIMEOUT', 'S3_PUBLIC_ENDPOINT']) {
      expect(() => loadConfig({ [name]: 'perhaps' })).toThrow(`${name} must be`)
    }
  })
})

async function signedUrl(storage: Storage, method: 'GET' | 'HEAD'): Promise<URL> {
  const kept = await storage.get(key, method)
  if (!kept || !('url' in kept)) throw new Error('a URL was expected')
  return new URL(kept.url)
}
