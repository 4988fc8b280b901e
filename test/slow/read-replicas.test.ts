import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, type Database } from '../../src/db/connect.ts'
import { type Catalogue, catalogue } from '../support/films.ts'
import { risesDuring } from '../support/metrics.ts'
import { expectProblem } from '../support/problems.ts'
import { until } from '../support/process.ts'
import { type Pair, startPair } from '../support/streaming.ts'

let pair: Pair
let service: Catalogue
let other: FastifyInstance
let standby: Database

beforeAll(async () => {
  pair = await startPair()
  standby = connect(pair.standbyUrl, { max: 1, anyServer: true })
  const { primaryUrl: DATABASE_URL, standbyUrl: DATABASE_READ_URL } = pair
  const env = {
    DATABASE_URL,
    DATABASE_READ_URL,
    JWT_SECRET: 'of-the-configuration-of-this-test-alone',
    PUBLIC_CATALOGUE: 'true',
  }
  service = await catalogue({ databaseUrl: DATABASE_URL }, env, true)
  other = await service.replica()
  for (const app of [service.app, other]) await until(() => conditionOf(app) === 'fit')
})
afterAll(async () => {
  await service?.close()
  await standby?.close()
  await pair?.close()
})

const conditionOf = (app: FastifyInstance) => app.reads.standbys[0]?.condition()
const get = (url: string, app = service.app) => app.inject({ method: 'GET', url })
const source = /^db_lagging_reads_total/

test('The catalogue is read at the standby, as soon as that has what this process knows of', async () => {
  const rises = await risesDuring(service.app, source, async () => {
    await service.add({ name: 'Первый' })
    await until(async () => {
      await get(`/films?sort=name&limit=${[20, 50, 100][Math.floor(Math.random() * 3)]}`)
      await get('/genres')
      const [row] = await standby.sql`select count(*)::int as films from films`
      return row?.films === 1
    })
    for (const url of [
      '/films?min_rate=1',
      '/movies?page=1',
      '/movies',
      '/genres',
      '/directors',
      '/films/export.csv',
    ]) {
      const response = await get(url)
      expect([url, response.statusCode, response.body.includes('"id":') || url.endsWith('csv')]).toEqual([
        url,
        200,
        true,
      ])
      expect(response.headers['kinoteka-warning']).toBeUndefined()
    }
  })
  expect(rises['db_lagging_reads_total{source="standby"}']).toBeGreaterThan(3)
  expect(rises['db_lagging_reads_total{source="alone"}']).toBeUndefined()
})

test('While replay is paused nobody sees what is older than the own write, or than the last poll', async () => {
  const film = await service.add({ name: 'Второй', year: 1910 })
  await standby.sql`select pg_wal_replay_pause()`
  for (let year = 1911; year < 1923; year++) {
    await service.admin({ method: 'PATCH', url: `/films/${film.id}`, payload: { year } })
    const { id } = (await service.post('/directors', { name: `Режиссёр ${year}` })).json()
    expect((await get(`/films?year_from=${year}&year_to=${year}`)).json().total).toBe(1)
    expect((await get('/movies?page=1')).json().find((each: { id: number }) => each.id === film.id).year).toBe(year)
    expect((await get('/directors')).json().some((each: { id: number }) => each.id === id)).toBe(true)
    await until(async () => {
      const movies = (await get('/movies?page=1', other)).json()
      return movies.find((each: { id: number }) => each.id === film.id).year === year
    })
  }
  await until(() => conditionOf(service.app) === 'lagging')
  const [row] =
    await standby.sql`select count(*) filter (where year > 1910)::int as changed from films where year < 1923`
  expect(row?.changed ?? 0).toBeLessThanOrEqual(1)
  await standby.sql`select pg_wal_replay_resume()`
  await until(() => conditionOf(service.app) === 'fit')
  expect((await get('/movies?page=1')).json().find((each: { id: number }) => each.id === film.id).year).toBe(1922)
})

test('With the primary away the catalogue goes on and says so, and nothing else does', async () => {
  await pair.stopPrimary()
  const urls = [
    '/films?page=1',
    '/films?q=Второй',
    '/movies?page=1',
    '/movies',
    '/genres',
    '/directors',
    '/films/export.csv',
  ]
  const statuses: number[] = []
  for (let i = 0; i < 140; i++) {
    const url = urls[i % urls.length] as string
    // Until the next poll what is in memory is no more than a quarter of a second old.
    const isKnown = service.app.changeFeed.isCurrent()
    const response = await (i % 2 === 0 ? get(url) : service.get(url))
    statuses.push(response.statusCode)
    if (response.statusCode !== 200 || isKnown) continue
    expect([url, response.headers['cache-status']]).toEqual([url, 'kinoteka; hit; detail="primary_away"'])
    expect(response.headers['kinoteka-warning']).toMatch(/^primary-away; age=\d+$/)
  }
  expect(statuses.filter((status) => status === 200).length / statuses.length).toBeGreaterThanOrEqual(0.99)
  await until(() => !service.app.changeFeed.isCurrent())
  expect((await get('/films?page=1')).headers['kinoteka-warning']).toMatch(/^primary-away/)
  for (const url of ['/user', '/movies/favorites', '/auth/sessions', '/ratings']) {
    expectProblem(await service.get(url), 503, 'database_unavailable')
  }
  expect((await get('/readyz')).statusCode).toBe(200)
  const payload = service.film()
  expectProblem(await service.admin({ method: 'POST', url: '/films', payload }), 503, 'database_unavailable')
})
