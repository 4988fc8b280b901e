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
  await settle(stage)
  print('\n| alert | fault | |\n|---|---|---|')
  const early = await firing(stage)
  for (const name of early) failures.push(`${name} fires without a fault`)
  for (const fault of faults.filter(({ alerts }) => new RegExp(wanted).test(alerts.join())))
    await checkFault(stage, fault)
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
  print('\n| panel | query | series | a value |\n|---|---|---|---|')
  const dashboards = Object.values(files).map((text) => JSON.parse(text) as Dashboard)
  for (const { title, panels = [] } of dashboards) {
    for (const panel of panels as Panel[]) {
      for (const target of (panel.targets ?? []) as { expr: string; legendFormat: string }[]) {
        await checkQuery(stage, `${title}: ${panel.title}`, target)
      }
    }
  }
}

async function checkQuery(stage: Stage, panel: string, { expr, legendFormat }: { expr: string; legendFormat: string }) {
  const query = expr
    .replaceAll('$__rate_interval', '15s')
    .replaceAll('$__range', '60s')
    .replace(/\$(route|instance)/g, '.*')
  const result = (await ask(stage, `query?query=${encodeURIComponent(query)}`)) as {
    result: { metric: Record<string, string>; value: [number, string] }[]
  }
  const series = result.result.filter(({ value }) => value[1] !== 'NaN')
  if (series.length === 0) failures.push(`${panel} (${legendFormat}) is empty`)
  const [best] = series.toSorted((a, b) => Number(b.value[1]) - Number(a.value[1]))
  const labels = Object.entries(best?.metric ?? {}).flatMap(([name, value]) =>
    name === 'job' || name === '__name__' ? [] : [`${name}=${value}`],
  )
  const shown = best ? `${labels.join(' ')} ${Number(Number(best.value[1]).toPrecision(4))}`.trim() : '—'
  print(`| ${panel} | ${legendFormat} | ${series.length} | ${shown} |`)
}

async function checkFault(stage: Stage, fault: Fault): Promise<void> {
  stage.notified.clear()
  const stop = new AbortController()
  const going = fault.inject(stage, stop.signal)
  const fired = new Set<string>()
  // Nobody is told that nobody can be told.
  const told = () => fault.alerts.every((name) => stage.notified.has(name) || name === 'AlertsUnsent')
  const deadline = Date.now() + 60_000
  while (Date.now() < deadline && !(fired.size === fault.alerts.length && told())) {
    for (const name of await firing(stage)) if (fault.alerts.includes(name)) fired.add(name)
    await sleep(300)
  }
  stop.abort()
  await going
  for (const name of fault.alerts) {
    const outcome = [fired.has(name) ? 'fired' : 'silent', ...(stage.notified.has(name) ? ['notified'] : [])]
    print(`| ${name} | ${fault.name} | ${outcome.join(', ')} |`)
    if (!fired.has(name)) failures.push(`${name} did not fire: ${fault.name}`)
  }
  if (!told()) failures.push(`Alertmanager did not send all of ${fault.alerts}`)
}

/** What the stirring has fired ends by itself. */
async function settle(stage: Stage): Promise<void> {
  const deadline = Date.now() + 60_000
  while (Date.now() < deadline && (await firing(stage)).length > 0) await sleep(1000)
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
