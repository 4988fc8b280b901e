import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dashboard, Panel } from '@grafana/schema'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { faults } from '../deploy/proof/faults.ts'
import { files } from '../grafana/build.ts'
import { datasource } from '../grafana/source/panels.ts'
import { sections } from '../grafana/source/sections.ts'
import { as, firstAdmin, type TestApp, testAdmin, testApp, testUser } from './support/app.ts'
import { repository } from './support/process.ts'
import { familyOf, metricsIn } from './support/promql.ts'

interface Rule {
  record?: string
  alert?: string
  expr: string
  labels?: { severity: string }
  annotations?: { summary: string; description: string; runbook_url: string }
}

const read = (path: string) => readFile(join(repository, path), 'utf8')
const { groups } = parse(await read('deploy/prometheus/rules.yml')) as { groups: { name: string; rules: Rule[] }[] }
const rules = groups.flatMap((group) => group.rules)
const alerts = rules.filter((rule) => rule.alert)
const dashboards = Object.values(files).map((text) => JSON.parse(text) as Dashboard)
const panels = dashboards.flatMap((dashboard) =>
  (dashboard.panels ?? []).map((panel) => ({ where: `${dashboard.title}: ${panel.title}`, panel: panel as Panel })),
)
const graphs = panels.filter(({ panel }) => panel.type !== 'row' && panel.type !== 'text')
const queries = [
  ...rules.map(({ alert, record, expr }) => ({ where: alert ?? record ?? '', expr })),
  ...graphs.flatMap(({ where, panel }) =>
    (panel.targets ?? []).map((target) => ({ where, expr: (target as { expr: string }).expr })),
  ),
]

describe('Rules and dashboards', () => {
  let service: TestApp
  /** Metric → the labels that its series have; none as long as it has no series. */
  const told = new Map<string, Set<string>>()

  beforeAll(async () => {
    service = await testApp({}, { firstAdmin })
    await testAdmin(service)
    await as(service.app, await testUser(service.app))({ method: 'GET', url: '/movies/301' })
    // Bytes are counted on connections.
    const address = await service.app.listen({ port: 0 })
    await fetch(`${address}/films`)
    const text = await (await fetch(`${address}/metrics`)).text()
    for (const [, family = ''] of text.matchAll(/^# TYPE (\S+)/gm)) told.set(family, new Set())
    for (const [, metric = '', labels = ''] of text.matchAll(/^(\w+)\{([^}]*)\}/gm)) {
      const known = told.get(metric) ?? told.get(familyOf(metric))
      for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known?.add(label)
    }
  })
  afterAll(() => service.close())

  test('name no metric, and no label of one, that the service does not tell', () => {
    const recorded = new Set(rules.map(({ record }) => record))
    const asked = queries
      .flatMap(({ where, expr }) => metricsIn(expr).map((each) => ({ where, ...each })))
      .filter(({ metric }) => !recorded.has(metric) && !/^(up|ALERTS|prometheus_\w+)$/.test(metric))
    const faults = asked.flatMap(({ where, metric, labels }) => {
      const family = told.has(metric) ? metric : familyOf(metric)
      const known = told.get(family)
      if (!known) return [`${where}: there is no ${metric}`]
      const own = labels.filter((label) => label !== 'job' && label !== 'instance')
      return own
        .filter((label) => known.size > 0 && !known.has(label))
        .map((label) => `${where}: ${metric} has no ${label}`)
    })
    expect([...new Set(faults)]).toEqual([])
    expect(asked.length).toBeGreaterThan(150)
  })
})

describe('An alert', () => {
  test.each(alerts.map((rule) => [rule.alert ?? '', rule] as const))('%s says what to do', (name, rule) => {
    expect(rule.labels?.severity).toMatch(/^(page|ticket)$/)
    expect(rule.annotations?.summary.length).toBeGreaterThan(15)
    expect(rule.annotations?.description.length).toBeGreaterThan(40)
    expect(rule.annotations?.runbook_url).toBe(`deploy/RUNBOOK.md#${name.toLowerCase()}`)
    const section = sections.find(({ title }) => title === name)
    expect(section?.content).toMatch(/^\*\*Means\*\* \((page|ticket)\): .*\n\*\*Look at\*\* .*\n\*\*Do\*\*/s)
    expect(section?.content).toContain(`(${rule.labels?.severity})`)
  })

  test('has one name, one section in the runbook, and a unit test in which it is silent and fires', async () => {
    const names = alerts.map(({ alert }) => alert)
    expect(new Set(names).size).toBe(names.length)
    expect(sections.map(({ title }) => title)).toEqual(names)
    const text = await read('deploy/prometheus/rules.test.yml')
    for (const name of names) {
      const cases = text.split(`alertname="${name}",`).slice(1)
      expect(cases.map((each) => /exp_samples: (\[\]|\[\{)/.exec(each)?.[1])).toEqual(['[]', '[{'])
    }
  })

  test('has a fault that makes it fire in deploy/prove.ts', () => {
    const fired = new Set(faults.flatMap((fault) => fault.alerts))
    expect(fired).toEqual(new Set(alerts.map(({ alert }) => alert)))
  })

  test('of the runbook that another one refers to is there', async () => {
    const runbook = await read('deploy/RUNBOOK.md')
    const names = alerts.map(({ alert }) => alert)
    const meant = [...runbook.matchAll(/\*([A-Z][a-z]+[A-Z]\w+)\*/g)].map(([, name]) => name)
    expect(meant.length).toBeGreaterThan(10)
    expect(meant.filter((name) => !names.includes(name))).toEqual([])
  })
})

describe('A dashboard', () => {
  test('is what `node grafana/build.ts` makes, and provisioned', async () => {
    for (const [name, text] of Object.entries(files)) expect(await read(`grafana/dashboards/${name}`)).toBe(text)
    const { datasources } = parse(await read('grafana/provisioning/datasources/prometheus.yml'))
    expect(datasources).toMatchObject([datasource])
    expect(new Set(dashboards.map(({ uid }) => uid)).size).toBe(dashboards.length)
  })

  test('has panels that say what they show, in what unit, from the one data source', () => {
    for (const { where, panel } of graphs) {
      expect(panel.description?.length, where).toBeGreaterThan(8)
      expect(panel.fieldConfig?.defaults.unit, where).toBeTruthy()
      expect(panel.datasource, where).toEqual(datasource)
      expect(panel.targets?.length, where).toBeGreaterThan(0)
      for (const target of panel.targets ?? []) expect(target, where).toMatchObject({ datasource, editorMode: 'code' })
    }
  })

  test.each(dashboards.map((dashboard) => [dashboard.title, dashboard] as const))(
    '%s has no two panels in one place',
    (_, { panels = [] }) => {
      const ids = panels.map(({ id }) => id)
      expect(new Set(ids).size).toBe(ids.length)
      const taken = new Set<string>()
      for (const { title, gridPos } of panels) {
        const { x = 0, y = 0, w = 0, h = 0 } = gridPos ?? {}
        expect(x + w, title).toBeLessThanOrEqual(24)
        for (let i = 0; i < w * h; i++) {
          const cell = `${x + (i % w)},${y + Math.floor(i / w)}`
          expect(taken.has(cell), title).toBe(false)
          taken.add(cell)
        }
      }
    },
  )

  test('leads to the section of the runbook that it names', () => {
    const runbook = dashboards.find(({ uid }) => uid === 'kinoteka-runbook')
    const links = graphs.flatMap(({ panel }) => panel.links ?? [])
    expect(links.length).toBeGreaterThan(30)
    for (const { title, url } of links) {
      const [, id] = /^\/d\/kinoteka-runbook\?viewPanel=panel-(\d+)$/.exec(url ?? '') ?? []
      expect(runbook?.panels?.find((panel) => panel.id === Number(id))?.title).toBe(title.replace('Runbook: ', ''))
    }
  })
})
