import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestApp, testApp } from './support/app.ts'
import { expectProblem } from './support/problems.ts'

let service: TestApp
const get = (url: string) => service.app.inject({ method: 'GET', url })

beforeAll(async () => {
  service = await testApp()
})
afterAll(() => service.close())

describe('What every site is asked for', () => {
  test('/favicon.ico is a picture, and is kept for a day', async () => {
    const { statusCode, headers, rawPayload } = await get('/favicon.ico')
    expect([statusCode, headers['content-type']]).toEqual([200, 'image/vnd.microsoft.icon'])
    expect(headers['cache-control']).toBe('public, max-age=86400')
    // The head of an ICO with one picture, which is a PNG and ends with the file.
    expect([...rawPayload.subarray(0, 6)]).toEqual([0, 0, 1, 0, 1, 0])
    const [size, at] = [rawPayload.readUInt32LE(14), rawPayload.readUInt32LE(18)]
    expect(at + size).toBe(rawPayload.length)
    const { format, width, height } = await sharp(rawPayload.subarray(at)).metadata()
    expect({ format, width, height }).toEqual({ format: 'png', width: rawPayload[6], height: rawPayload[7] })
  })

  test('/robots.txt keeps search engines out', async () => {
    const { statusCode, headers, body } = await get('/robots.txt')
    expect([statusCode, headers['content-type'], body]).toEqual([
      200,
      'text/plain; charset=utf-8',
      'User-agent: *\nDisallow: /\n',
    ])
  })

  test('/.well-known/security.txt says how to name a contact', async () => {
    expect(expectProblem(await get('/.well-known/security.txt'), 404, 'not_found').detail).toContain('SECURITY_CONTACT')
  })

  test.each(['mailto:security@films.example', 'https://films.example/security'])(
    '/.well-known/security.txt names %s until a day within a year',
    async (contact) => {
      const { app, close } = await testApp({ SECURITY_CONTACT: contact })
      const { statusCode, headers, body } = await app.inject('/.well-known/security.txt')
      expect([statusCode, headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8'])
      const [, named, expires = ''] = /^Contact: (\S+)\nExpires: (\d{4}-\d\d-\d\dT00:00:00\.000Z)\n$/.exec(body) ?? []
      expect(named).toBe(contact)
      const days = (Date.parse(expires) - Date.now()) / 86_400_000
      expect(days).toBeGreaterThan(30)
      expect(days).toBeLessThan(365)
      await close()
    },
  )

  test('needs no token, and other methods are 405', async () => {
    for (const url of ['/favicon.ico', '/robots.txt', '/.well-known/security.txt']) {
      const answer = await service.app.inject({ method: 'POST', url })
      expect([url, answer.statusCode, answer.headers.allow]).toEqual([url, 405, 'GET, HEAD'])
    }
  })
})
