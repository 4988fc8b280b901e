import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { Counter } from 'prom-client'
import { type Exchange, operationName, outcomeOf } from '../http/exchanges.ts'

type Count = (exchange: Exchange) => void
type MakeCounter = ReturnType<typeof counters>

// Most requests only read: one test for them.
const countedOperation = /^(addTo|removeFrom|import|export|putRating|deleteRating|setDirectorPhoto)/
const outcomes = ['ok', 'refused', 'failed', 'aborted']

/**
 * Counts what users and administrators do, by operation and status alone, so that no service has to count. Needs the
 * metrics plugin; registered before the routes, so that their counters begin at 0.
 */
export default fp(async (app: FastifyInstance) => {
  const counter = counters(app)
  const counts = [
    countListChanges(app, counter),
    countRatings(counter),
    countPhotos(counter),
    countImports(app, counter),
    countExports(app, counter),
  ]
  app.exchanges.onEnd((exchange) => {
    const { operation, method } = exchange.endpoint
    if (!operation || method === 'HEAD' || !countedOperation.test(operation)) return
    for (const count of counts) count(exchange)
  })
})

function counters({ metrics }: FastifyInstance) {
  return <T extends string>(name: string, help: string, labelNames: T[]) =>
    new Counter({ name, help, labelNames, registers: [metrics] })
}

/** Calls `use` with what `pattern` finds in the operationId of each route to come. */
function onOperation(app: FastifyInstance, pattern: RegExp, use: (found: string, route: RouteOptions) => void): void {
  app.addHook('onRoute', (route) => {
    const { operationId = '' } = (route.schema ?? {}) as { operationId?: string }
    const [, found] = pattern.exec(operationId) ?? []
    if (found && route.method !== 'HEAD') use(found.toLowerCase(), route)
  })
}

function countListChanges(app: FastifyInstance, counter: MakeCounter): Count {
  const changes = counter('list_changes_total', 'Films that users added to and removed from a list, one by one', [
    'list',
    'change',
  ])
  onOperation(app, /^addTo([A-Z][a-z]+)$/, (list) => {
    for (const change of ['add', 'remove']) changes.inc({ list, change }, 0)
  })
  return ({ endpoint: { operation = '' }, status }) => {
    const [, verb, list = ''] = /^(addTo|removeFrom)([A-Z][a-z]+)$/.exec(operationName(operation)) ?? []
    if (verb === 'addTo' && status === 201) changes.inc({ list: list.toLowerCase(), change: 'add' })
    if (verb === 'removeFrom' && status === 204) changes.inc({ list: list.toLowerCase(), change: 'remove' })
  }
}

function countRatings(counter: MakeCounter): Count {
  const changes = counter('rating_changes_total', 'Scores that users gave, changed and removed, one by one', ['change'])
  for (const change of ['add', 'change', 'remove']) changes.inc({ change }, 0)
  const known: Record<string, string> = {
    'putRating 201': 'add',
    'putRating 200': 'change',
    'deleteRating 204': 'remove',
  }
  return ({ endpoint: { operation }, status }) => {
    const change = known[`${operation} ${status}`]
    if (change) changes.inc({ change })
  }
}

function countPhotos(counter: MakeCounter): Count {
  const uploads = counter('photo_uploads_total', 'Photos of directors that were sent', ['outcome'])
  for (const outcome of outcomes) uploads.inc({ outcome }, 0)
  return ({ endpoint: { operation }, status, aborted }) => {
    if (operation === 'setDirectorPhoto') uploads.inc({ outcome: outcomeOf(status, aborted) })
  }
}

interface Report {
  dry_run: boolean
  created: number
  updated: number
  skipped: number
  failed: number
}

function countImports(app: FastifyInstance, counter: MakeCounter): Count {
  const imports = counter('imports_total', 'Imports; dry_run is one that went well and was to change nothing', [
    'kind',
    'outcome',
  ])
  const rows = counter('import_rows_total', 'Rows of imports that were no dry run', ['kind', 'result'])
  const reports = new WeakMap<FastifyRequest, Report>()
  onOperation(app, /^import([A-Z]\w*)$/, (kind, route) => {
    for (const outcome of [...outcomes, 'dry_run']) imports.inc({ kind, outcome }, 0)
    for (const result of ['created', 'updated', 'skipped', 'failed']) rows.inc({ kind, result }, 0)
    route.preSerialization = [route.preSerialization ?? []].flat().concat(async (request, reply, payload) => {
      if (reply.statusCode === 200) reports.set(request, payload as Report)
      return payload
    })
  })
  return ({ endpoint: { operation = '' }, request, status, aborted }) => {
    const [, kind] = /^import([A-Z]\w*)$/.exec(operation)?.map((each) => each.toLowerCase()) ?? []
    if (!kind) return
    const outcome = outcomeOf(status, aborted)
    const report = reports.get(request)
    imports.inc({ kind, outcome: outcome === 'ok' && report?.dry_run ? 'dry_run' : outcome })
    if (!report || report.dry_run) return
    const { created, updated, skipped, failed } = report
    for (const [result, n] of Object.entries({ created, updated, skipped, failed })) rows.inc({ kind, result }, n)
  }
}

function countExports(app: FastifyInstance, counter: MakeCounter): Count {
  const exports = counter('exports_total', 'Exports; aborted is one that did not get to its reader whole', [
    'kind',
    'outcome',
  ])
  onOperation(app, /^export([A-Z]\w*)$/, (kind) => {
    for (const outcome of outcomes) exports.inc({ kind, outcome }, 0)
  })
  return ({ endpoint: { operation = '' }, status, aborted }) => {
    const [, kind] = /^export([A-Z]\w*)$/.exec(operation)?.map((each) => each.toLowerCase()) ?? []
    if (kind) exports.inc({ kind, outcome: outcomeOf(status, aborted) })
  }
}
