import { execFile } from 'node:child_process'
import { cpus } from 'node:os'
import { promisify } from 'node:util'
import fastifyPackage from 'fastify/package.json' with { type: 'json' }
import { peers } from './peers.ts'
import { type Measured, scenarioTitles } from './rounds.ts'

const run = promisify(execFile)

export interface Table {
  title: string
  /** What one has to know to read it. */
  note?: string
  header: string[]
  rows: string[][]
}

export function markdown({ title, note, header, rows }: Table): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`
  const rule = header.map((_, index) => (index === 0 ? '---' : '--:'))
  return [`## ${title}`, '', ...(note ? [note, ''] : []), ...[header, rule, ...rows].map(line), ''].join('\n')
}

const own: Record<string, string> = { ours: '**Kinoteka**', uncached: 'Kinoteka without its memory' }
export const titleOf = (target: string) => own[target] ?? peers[target]?.title ?? target

// Of one film, or of one answer of Kinopoisk.
const tokenReads = ['detail-token', 'kinopoisk', 'compatible', 'search']
const references = ['go', 'fastapi', 'fastify']

/** One table for each scenario. Where Go has none of a scenario's figures, it is its detail that the others are beside. */
export function scenarioTables(measured: Measured[]): Table[] {
  const rateOf = (scenario: string, target: string) =>
    measured.find((each) => each.scenario === scenario && each.target === target)?.figures.rate
  return [...Map.groupBy(measured, ({ scenario }) => scenario)].map(([scenario, all]) => {
    const besides = references.flatMap((name) => {
      const own = rateOf(scenario, name)
      const rate = own ?? (name === 'go' && tokenReads.includes(scenario) ? rateOf('detail', 'go') : undefined)
      return rate ? [{ rate, title: `× ${own ? name : "go's detail"}` }] : []
    })
    return {
      title: scenarioTitles[scenario] ?? scenario,
      header: [
        'target',
        'requests/s',
        ...besides.map(({ title }) => title),
        'p50 ms',
        'p99 ms',
        'server CPU µs/request',
        'PostgreSQL CPU µs/request',
        'peak RSS MB',
        'failed',
      ],
      rows: all.map(({ target, figures }) => [
        titleOf(target),
        figures.rate.toFixed(0),
        ...besides.map(({ rate }) => (figures.rate / rate).toFixed(2)),
        figures.p50.toFixed(1),
        figures.p99.toFixed(1),
        figures.serverCpu.toFixed(0),
        figures.databaseCpu.toFixed(0),
        figures.memory.toFixed(0),
        String(figures.failed),
      ]),
    }
  })
}

/** What was measured with what, one line each. */
export async function machineFacts(database: string): Promise<string[]> {
  const go = await told('go', ['version'])
  const python = await told('/usr/bin/python3', [
    '-c',
    'import sys, fastapi, sqlalchemy, asyncpg, uvicorn; print(f"Python {sys.version.split()[0]}, FastAPI {fastapi.__version__}, SQLAlchemy {sqlalchemy.__version__}, asyncpg {asyncpg.__version__}, uvicorn {uvicorn.__version__}")',
  ])
  const [first] = cpus()
  return [
    `${cpus().length} × ${first?.model ?? 'CPU'}, ${process.platform} ${process.arch}`,
    `Node ${process.versions.node}, Fastify ${fastifyPackage.version}, PostgreSQL ${database}`,
    ...[go.replace('go version ', 'Go '), python].filter((line) => line !== ''),
  ]
}

async function told(program: string, args: string[]): Promise<string> {
  return run(program, args).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  )
}
