import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'

const root = join(import.meta.dirname, '../..')
const units: Record<string, number> = { m: 1, h: 60, d: 1440 }

interface Options {
  /** Instead of the 650 MiB of MemoryHigh. */
  memoryMiB?: number
  /** Adds a rule that cannot be evaluated. */
  broken?: boolean
}

/** The rules with their windows shortened to 5…31 s, the longer still the longer, and no alert waiting for more than a second. */
export async function hurriedRules({ memoryMiB = 650, broken = false }: Options = {}): Promise<string> {
  const text = await readFile(join(root, 'deploy/prometheus/rules.yml'), 'utf8')
  const hurried = text
    // Three starts take their time.
    .replace('[30m]) > 2', '[60s]) > 2')
    .replace(/\[(\d+)([mhd])\]/g, (_, n, unit) => `[${seconds(Number(n) * (units[unit] ?? 1))}s]`)
    .replace(/^( +for:) .*/gm, '$1 1s')
    .replace('650 * 1024', `${memoryMiB} * 1024`)
  const extra = `
  - name: broken
    rules:
      - record: broken
        expr: up * on () group_left () up
`
  return broken ? hurried + extra : hurried
}

/** The repository's configuration with the addresses of here. */
export async function prometheusConfig(
  app: number[],
  own: number,
  alertmanager: number,
  rules: string,
): Promise<string> {
  const config = parse(await readFile(join(root, 'prometheus.yml'), 'utf8'))
  const targets = (ports: number[]) => [{ targets: ports.map((port) => `127.0.0.1:${port}`) }]
  const at: Record<string, number[]> = { kinoteka: app, prometheus: [own], alertmanager: [alertmanager] }
  return stringify({
    ...config,
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: [rules],
    alerting: { alertmanagers: [{ static_configs: targets([alertmanager]) }] },
    scrape_configs: config.scrape_configs.map(({ job_name }: { job_name: string }) => ({
      job_name,
      static_configs: targets(at[job_name] ?? []),
    })),
  })
}

function seconds(minutes: number): number {
  return Math.round(5 + 2.2 * Math.max(0, Math.log2(minutes)))
}
