import { expect, test } from 'vitest'
import { as, testApp, testUser } from './support/app.ts'
import { metricsOf } from './support/metrics.ts'
import { serve } from './support/movies.ts'

interface Line {
  msg: string
  level: number
  endpoint?: string
  outcome?: string
  request?: string
  reason?: string
  code?: string
}

test('a call that failed and what was served instead have a line each, which says why and nothing that was typed or sent', {
  tags: 'slow',
}, async () => {
  const upstream = await serve((request, response) => {
    response.writeHead(request.url?.includes('keyword') ? 403 : 200, { 'content-type': 'application/json' })
    response.end('{"kinopoiskId":"SECRET WORDS","items":5,"a b":1}')
  })
  const kinopoisk = { url: upstream.url, apiKey: 'a-secret-key', sandbox: false }
  const { app, log, close } = await testApp({}, { kinopoisk })
  const request = as(app, await testUser(app))
  for (let time = 0; time < 5; time++) {
    expect((await request({ url: '/movies/search?query=typed%20words' })).json().source).toBe('local')
    expect((await request({ url: '/movies/301' })).statusCode).toBe(502)
  }
  const lines = log()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
  const failed = lines.filter(({ msg }) => msg === 'a call of Kinopoisk failed')
  expect(failed.filter(({ endpoint }) => endpoint !== 'account')).toEqual([
    expect.objectContaining({
      level: 40,
      endpoint: 'search',
      outcome: 'bad_response',
      request: '/api/v2.1/films/search-by-keyword?page=1',
      reason: 'upstream answered 403',
    }),
    expect.objectContaining({
      level: 40,
      endpoint: 'film',
      request: '/api/v2.2/films/301',
      reason: expect.stringMatching(/^upstream's answer is of an unknown shape: an object with kinopoiskId, items/),
    }),
  ])
  const fallbacks = lines.filter(({ msg }) => msg === 'served from our own films')
  expect(fallbacks).toHaveLength(1)
  expect(fallbacks[0]).toMatchObject({ level: 40, endpoint: 'search', code: 'upstream_bad_response' })
  const metrics = await metricsOf(app)
  expect(metrics.get('kinopoisk_fallbacks_total{endpoint="search",reason="upstream_bad_response"}')).toBe(5)
  for (const secret of ['SECRET', 'typed', 'a-secret-key', 'a b']) expect(log()).not.toContain(secret)
  await close()
  await upstream.close()
})
