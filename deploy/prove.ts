import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Dashboard, Panel } from '@grafana/schema'
import { files } from '../grafana/build.ts'
import { type Fault, faults } from './proof/faults.ts'
import { stirGateway } from './proof/gateway.ts'
import { openStage, repository, type Stage } from './proof/stage.ts'
import { startTraffic } from './proof/traffic.ts'

// node deploy/prove.ts [folder of prometheus, promtool, amtool and prometheus-alertmanager] [part of the alerts' names]
//
// Starts the service, Prometheus and Alertmanager; asks every panel's query; fires every alert by a fault. Prints both tables and
// ends with 1 where a panel is empty or an alert silent. Needs Debian's packages prometheus and prometheus-alertmanager, unpacked
// or installed, and takes some ten minutes. An unpacked Alertmanager still looks for /usr/share/prometheus/alertmanager/*.tmpl.
const [tools = '/usr/bin', wanted = ''] = process.argv.slice(2)
const print = (line: string) => void process.stdout.write(`${line}\n`)
const failures: string[] = []
/** For an alert to come or to go; the machine may be busy. */
const patienceMs = 120_000
/** What the panels of an alert show under its fault. */
const under: string[] = []

interface Target extends Record<string, unknown> {
  expr: string
  legendFormat: string
}

interface Series {
  metric: Record<string, string>
  value: [number, string]
}

checkFiles()
const stage = await openStage(tools)
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stage.close().finally(() => process.exit(1)))
try {
  await Promise.all([stage.startReplica('a'), stage.startReplica('b')])
  await stage.startAlertmanager()
  await stage.startPrometheus()
  const stopTraffic = startTraffic(() => [stage.address('a'), stage.address('b')])
  await sleep(40_000)
  await stirGateway(stage)
  await sleep(2000)
  await checkPanels(stage)
  await settle(stage, () => true)
  print('\n| alert | fault | |\n|---|---|---|')
  const early = await firing(stage)
  for (const name of early) failures.push(`${name} fires without a fault`)
  for (const fault of faults.filter(({ alerts }) => new RegExp(wanted).test(alerts.join())))
    await checkFault(stage, fault)
  print('\n| panel | query | series not 0 | values | under the fault |\n|---|---|---|---|---|')
  for (const row of under) print(row)
  await stopTraffic()
} finally {
  await stage.close()
}
for (const failure of failures) print(`FAILED: ${failure}`)
print(failures.length === 0 ? 'All of it holds.' : `${failures.length} failures`)
process.exit(failures.length === 0 ? 0 : 1)

function checkFiles(): void {
  const run = (tool: string, ...args: string[]) =>
    execFileSync(join(tools, tool), args, { cwd: repository, stdio: 'inherit' })
  run('promtool', 'check', 'config', 'prometheus.yml')
  run('promtool', 'test', 'rules', 'deploy/prometheus/rules.test.yml')
  run('amtool', 'check-config', 'deploy/prometheus/alertmanager.yml')
}

async function checkPanels(stage: Stage): Promise<void> {
  print('\n| panel | query | series not 0 | values |\n|---|---|---|---|')
  for (const { where, target } of targets()) {
    const row = await readQuery(stage, target)
    print(`| ${where} | ${row} |`)
    if (row.endsWith('—')) failures.push(`${where} (${target.legendFormat}) is empty`)
  }
}

/** Every query of every panel. */
function targets() {
  const dashboards = Object.values(files).map((text) => JSON.parse(text) as Dashboard)
  const all = dashboards.flatMap(({ title, panels = [] }) => panels.map((panel) => ({ title, panel: panel as Panel })))
  return all.flatMap(({ title, panel }) =>
    ((panel.targets ?? []) as Target[]).map((target) => ({
      where: `${title}: ${panel.title}`,
      alerts: (panel.links ?? []).map((link) => link.title.replace('Runbook: ', '')),
      target,
    })),
  )
}

async function readQuery(stage: Stage, { expr, legendFormat }: Target): Promise<string> {
  const query = expr
    .replaceAll('$__rate_interval', '15s')
    .replaceAll('$__range', '60s')
    .replace(/\$(route|instance)/g, '.*')
  const result = (await ask(stage, `query?query=${encodeURIComponent(query)}`)) as {
    result: Series[]
  }
  const series = result.result.filter(({ value }) => value[1] !== 'NaN')
  const told = series.filter(({ value }) => Number(value[1]) !== 0)
  const shown = (told.length > 0 ? told : series.slice(0, 1))
    .toSorted((a, b) => Number(b.value[1]) - Number(a.value[1]))
    .slice(0, 6)
    .map(describe)
  return `${legendFormat} | ${told.length} of ${series.length} | ${shown.join(', ') || '—'}`
}

function describe({ metric, value }: Series): string {
  const labels = Object.entries(metric).flatMap(([name, label]) =>
    name === 'job' || name === '__name__' ? [] : [label],
  )
  return `${labels.join(' ')} ${Number(Number(value[1]).toPrecision(4))}`.trim()
}

async function checkFault(stage: Stage, fault: Fault): Promise<void> {
  await settle(stage, (name) => fault.alerts.includes(name))
  const stop = new AbortController()
  const going = fault.inject(stage, stop.signal)
  const fired = new Set<string>()
  // Nobody is told that nobody can be told.
  const told = () => fault.alerts.every((name) => stage.notified.has(name) || name === 'AlertsUnsent')
  const deadline = Date.now() + patienceMs
  while (Date.now() < deadline && !(fired.size === fault.alerts.length && told())) {
    for (const name of await firing(stage)) if (fault.alerts.includes(name)) fired.add(name)
    await sleep(300)
  }
  const shown: string[] = []
  for (const { where, alerts, target } of targets())
    if (alerts.some((name) => fault.alerts.includes(name)))
      shown.push(`| ${where} | ${await readQuery(stage, target)} |`)
  stop.abort()
  await going
  for (const name of fault.alerts) {
    const outcome = [fired.has(name) ? 'fired' : 'silent', ...(stage.notified.has(name) ? ['notified'] : [])]
    print(`| ${name} | ${fault.name} | ${outcome.join(', ')} |`)
    if (!fired.has(name)) failures.push(`${name} did not fire: ${fault.name}`)
  }
  under.push(...shown.map((row) => `${row} ${fault.name} |`))
  for (const output of await stage.revive()) {
    print(`A replica ended by itself: ${output}`)
    failures.push(`A replica ended by itself: ${fault.name}`)
  }
  if (!told()) failures.push(`Alertmanager did not send all of ${fault.alerts}`)
}

/** What has been fired ends by itself; nothing of it may count for the next fault. */
async function settle(stage: Stage, isMeant: (alert: string) => boolean): Promise<void> {
  const deadline = Date.now() + patienceMs
  while ((await firing(stage)).some(isMeant)) {
    if (Date.now() > deadline) return void failures.push(`${(await firing(stage)).filter(isMeant)} fires on and on`)
    await sleep(1000)
  }
  stage.notified.clear()
}

async function firing(stage: Stage): Promise<string[]> {
  const { alerts } = (await ask(stage, 'alerts')) as { alerts: { state: string; labels: { alertname: string } }[] }
  return alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname)
}

async function ask(stage: Stage, path: string): Promise<unknown> {
  const response = await fetch(`${stage.prometheus}/api/v1/${path}`)
  const { status, data, error } = (await response.json()) as { status: string; data: unknown; error?: string }
  if (status !== 'success') throw new Error(`${path}: ${error}`)
  return data
}
