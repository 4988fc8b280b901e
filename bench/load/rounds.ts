import { join } from 'node:path'
import {
  compatibleDetails,
  compressed,
  details,
  favourites,
  favouritesById,
  kinopoiskDetails,
  lists,
  mixed,
  pages,
  repeatedList,
  searches,
  withTokens,
} from './requests.ts'
import type { Stage } from './stage.ts'
import { type Figures, load, type Request, writeRequests } from './wrk.ts'

const anybody = ['floor', 'fastify', 'fastapi', 'go', 'uncached', 'ours']
const position = 90_000

interface Scenario {
  title: string
  targets: string[]
  requests(stage: Stage, target: string): Request[] | Promise<Request[]>
  /** Of the service, in seconds: what it remembers it has met before; 3 if absent. */
  warmUp?(stage: Stage): number
}

/** In the order in which they take turns: what is compared stands side by side. */
const scenarios: Record<string, Scenario> = {
  detail: {
    title: 'detail, anonymous',
    targets: anybody,
    requests: details,
    warmUp: ({ films }) => fillSeconds(films),
  },
  'detail-token': {
    title: 'detail with token',
    targets: ['ours'],
    requests: (stage) => withTokens(details(stage), stage),
  },
  kinopoisk: { title: 'cached Kinopoisk detail with token', targets: ['ours'], requests: kinopoiskDetails },
  'kinopoisk-br': {
    title: 'the same, compressed (br)',
    targets: ['ours'],
    requests: (stage) => compressed(kinopoiskDetails(stage)),
  },
  compatible: {
    title: "cached Kinopoisk detail at Kinopoisk's own address, with a key",
    targets: ['bytes', 'nginx', 'ours'],
    requests: compatibleDetails,
  },
  search: { title: 'cached search with token', targets: ['ours'], requests: searches },
  'search-br': {
    title: 'the same, compressed (br)',
    targets: ['ours'],
    requests: (stage) => compressed(searches(stage)),
  },
  list: { title: 'list, filter + sort, distinct filters', targets: anybody, requests: () => lists() },
  'list-repeated': { title: 'list, repeated', targets: anybody, requests: () => [{ path: repeatedList }] },
  'list-repeated-br': {
    title: 'the same, compressed (br)',
    targets: ['ours'],
    requests: () => compressed([{ path: repeatedList }]),
  },
  favourites: {
    title: 'favourites (30 films)',
    targets: ['fastify', 'ours'],
    requests: (stage, target) => (target === 'ours' ? favourites(stage) : favouritesById(stage)),
  },
  'page-front': { title: 'page by cursor, among the first', targets: ['ours'], requests: (stage) => pages(stage, 0) },
  'page-deep': {
    title: 'page by cursor, from 90,000 on',
    targets: ['ours'],
    requests: (stage) => pages(stage, Math.min(position, Math.floor(stage.films * 0.9) - 8_000)),
  },
}
/** Apart and last, because it changes what the others read. */
const mixedScenario: Scenario = { title: 'mixed (80 % reads, 20 % changes)', targets: ['ours'], requests: mixed }

export const scenarioTitles: Record<string, string> = Object.fromEntries(
  Object.entries({ ...scenarios, mixed: mixedScenario }).map(([name, { title }]) => [name, title]),
)

/** Until nearly each film has come, or as many as fit into the memory. */
export function fillSeconds(films: number): number {
  return Math.min(60, Math.max(3, films / 2_500))
}

export interface Measured {
  scenario: string
  target: string
  figures: Figures
}

export interface Options {
  rounds: number
  seconds: number
  temporary: string
  say(line: string): void
}

interface Turn {
  scenario: string
  target: string
  file: string
  warmUp: number
}

/** Every target in turn, then again; the median of the rounds. The first round warms up and does not count. */
export async function measureRounds(stage: Stage, wanted: (name: string) => boolean, options: Options) {
  const chosen = Object.entries(scenarios).filter(([name]) => wanted(name))
  const measured = await takeTurns(stage, await prepare(stage, chosen, options.temporary), options)
  if (!wanted('mixed')) return measured
  const turns = await prepare(stage, [['mixed', mixedScenario]], options.temporary)
  return [...measured, ...(await takeTurns(stage, turns, options))]
}

async function prepare(stage: Stage, chosen: [string, Scenario][], temporary: string): Promise<Turn[]> {
  const turns: Turn[] = []
  for (const [scenario, { targets, requests, warmUp }] of chosen) {
    for (const target of targets) {
      if (!stage.targets.has(target)) continue
      const file = join(temporary, `${scenario}-${target}.requests`)
      await writeRequests(file, await requests(stage, target))
      turns.push({ scenario, target, file, warmUp: (target === 'ours' && warmUp?.(stage)) || 3 })
    }
  }
  return turns
}

async function takeTurns(stage: Stage, turns: Turn[], { rounds, seconds, say }: Options): Promise<Measured[]> {
  const found = new Map<Turn, Figures[]>(turns.map((turn) => [turn, []]))
  for (let round = 0; round <= rounds; round += 1) {
    for (const turn of turns) {
      const target = stage.targets.get(turn.target)
      if (!target) continue
      const figures = await load({
        target,
        databasePid: stage.server.pid,
        file: turn.file,
        seconds: round === 0 ? turn.warmUp : seconds,
        from: round / (rounds + 1),
      })
      if (round > 0) found.get(turn)?.push(figures)
      say(
        `${round === 0 ? 'warm-up' : `round ${round}`}: ${turn.scenario}, ${turn.target}: ${Math.round(figures.rate)}/s, ` +
          `p99 ${figures.p99.toFixed(1)} ms${figures.failed > 0 ? `, ${figures.failed} FAILED` : ''}`,
      )
    }
  }
  return turns.map((turn) => ({
    scenario: turn.scenario,
    target: turn.target,
    figures: medians(found.get(turn) ?? []),
  }))
}

/** The median of each figure; of failures the sum. */
function medians(all: Figures[]): Figures {
  const of = (name: keyof Figures) => median(all.map((figures) => figures[name]))
  return {
    rate: of('rate'),
    p50: of('p50'),
    p99: of('p99'),
    serverCpu: of('serverCpu'),
    databaseCpu: of('databaseCpu'),
    memory: of('memory'),
    failed: all.reduce((sum, { failed }) => sum + failed, 0),
  }
}

export function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const half = sorted.length / 2
  return sorted.length % 2 ? (sorted[Math.floor(half)] ?? 0) : ((sorted[half - 1] ?? 0) + (sorted[half] ?? 0)) / 2
}
