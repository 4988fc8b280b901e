import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, type Database } from '../src/db/connect.ts'
import { openConnections } from '../src/db/pool/open-connections.ts'
import { as, firstAdmin, type TestApp, testAdmin, testApp, testUser } from './support/app.ts'
import { templates } from './support/database.ts'
import { cloneDatabase } from './support/databases.ts'
import { form } from './support/lists.ts'
import { repository, until } from './support/process.ts'

// Ten of the pool and one that listens, one that probes, the change feed, two exports and an import.
const most = 16

let service: TestApp
let outside: Database
// Of the process: other apps of the tests may be open in it.
let others: ReturnType<typeof openConnections>
beforeAll(async () => {
  // Not a kept one, which has connections of others too.
  const databaseUrl = await cloneDatabase(templates.withAdmin)
  others = openConnections()
  service = await testApp({}, { firstAdmin, databaseUrl, connections: 10 })
  outside = connect(service.databaseUrl, { max: 2 })
})
afterAll(async () => {
  await outside?.close()
  await service?.close()
})

const backends = async () => {
  const rows = await outside.sql`
    select application_name as name from pg_stat_activity
    where datname = current_database() and application_name like 'kinoteka%' and backend_type = 'client backend'
      and pid <> pg_backend_pid()`
  return rows.length
}

const counts = async () => {
  const { body } = await service.app.inject({ url: '/metrics' })
  const samples = body.matchAll(/^db_connections\{use="(\w+)"\} (\d+)$/gm)
  return Object.fromEntries([...samples].map(([, use, count]) => [use, Number(count)]))
}

test('However busy it is, a replica has no more connections than the documented number, and all are counted', {
  tags: 'slow',
}, async () => {
  const asAdmin = as(service.app, await testAdmin(service))
  // A user has one export at a time.
  const readers = await Promise.all([1, 2, 3, 4].map(() => testUser(service.app)))
  const file = form('name,genre,director,rate,year,minutes\nA,g,d,1,2000,90\n')
  const release = Promise.withResolvers<void>()
  let on = true
  // Exports and imports wait for it, each for up to 5 s.
  const blocking = outside.sql.begin(async (tx) => {
    await tx`set local application_name = 'outside'`
    await tx`lock table films in access exclusive mode`
    await release.promise
  })
  const again = async (work: () => PromiseLike<unknown>) => {
    while (on) await work()
  }
  const work = [
    // So long that the pool is probed too.
    ...Array.from({ length: 20 }, () => again(() => service.app.database.sql`select pg_sleep(1)`)),
    ...readers.map((reader) => again(() => as(service.app, reader)({ method: 'GET', url: '/films/export.csv' }))),
    ...Array.from({ length: 4 }, () => again(() => asAdmin({ method: 'POST', url: '/films/import', ...file }))),
  ]
  await until(async () => (await backends()) >= most)
  const [seen, counted] = [await backends(), await counts()]
  on = false
  release.resolve()
  await blocking
  await Promise.all(work)
  expect(seen).toBe(most)
  const own = Object.fromEntries(Object.entries(others).map(([use, count]) => [use, (counted[use] ?? 0) - count]))
  // With the two from outside, which are of this process too.
  expect(own).toEqual({ pool: 11 + 2, probe: 1, csv: 3, changes: 1, start: 0 })
})

test('The documented databases take as many replicas as may run at once', async () => {
  const read = (name: string) => readFile(join(repository, name), 'utf8')
  const number = (text: string, pattern: RegExp) => Number(pattern.exec(text)?.[1])
  const base = 'deploy/kubernetes/base'
  const [scaler, deployment, compose, runbook] = await Promise.all(
    [`${base}/autoscaler.yaml`, `${base}/deployment.yaml`, 'docker-compose.yml', 'deploy/RUNBOOK.md'].map(read),
  )
  const replicas = number(scaler ?? '', /maxReplicas: (\d+)/) + number(deployment ?? '', /maxSurge: (\d+)/)
  // PostgreSQL keeps three of them for superusers, and people and backups need some.
  expect(number(scaler ?? '', /max_connections.*?at least (\d+)/s)).toBeGreaterThanOrEqual(replicas * most + 10)
  expect(number(compose ?? '', /max_connections=(\d+)/)).toBeGreaterThanOrEqual(10 * most + 10)
  expect(number(runbook ?? '', /holds up to (\d+)\s+connections/)).toBe(most)
})
