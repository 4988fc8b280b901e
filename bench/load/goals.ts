import type { Table } from './report.ts'
import type { Measured } from './rounds.ts'

export const ratio = (a: number | undefined, b: number | undefined) => (a && b ? a / b : undefined)

/** A figure that is to be at least, or at most, what is wanted. */
export interface Goal {
  scenario: string
  wanted: string
  /** Undefined: not measured. */
  found: number | undefined
  atLeast?: number
  atMost?: number
}

export function goalsOf(measured: Measured[]): Goal[] {
  const rate = (scenario: string, target = 'ours') =>
    measured.find((each) => each.scenario === scenario && each.target === target)?.figures.rate
  const goDetail = rate('detail', 'go')
  const deep = ratio(rate('page-deep'), rate('page-front'))
  const atLeast = (scenario: string, wanted: string, least: number, found: number | undefined): Goal => ({
    scenario,
    wanted,
    found,
    atLeast: least,
  })
  return [
    atLeast('detail, anonymous', '≥ 1.2 × Go', 1.2, ratio(rate('detail'), goDetail)),
    atLeast('detail, anonymous', '≥ 18 × FastAPI', 18, ratio(rate('detail'), rate('detail', 'fastapi'))),
    atLeast('detail with token', '≥ 0.9 × Go without one', 0.9, ratio(rate('detail-token'), goDetail)),
    atLeast('list, distinct filters', '≥ 1.1 × Go', 1.1, ratio(rate('list'), rate('list', 'go'))),
    atLeast('list, distinct filters', '≥ 9 × FastAPI', 9, ratio(rate('list'), rate('list', 'fastapi'))),
    atLeast('list, repeated', '≥ 4 × Go', 4, ratio(rate('list-repeated'), rate('list-repeated', 'go'))),
    atLeast('cached Kinopoisk detail with token', "≥ 1.2 × Go's detail", 1.2, ratio(rate('kinopoisk'), goDetail)),
    atLeast(
      'cached Kinopoisk detail with key',
      '≥ 0.95 × with token',
      0.95,
      ratio(rate('compatible'), rate('kinopoisk')),
    ),
    atLeast('cached search with token', "≥ 1.2 × Go's detail", 1.2, ratio(rate('search'), goDetail)),
    atLeast(
      'favourites with token (30 films)',
      '≥ 0.9 × bare Fastify',
      0.9,
      ratio(rate('favourites'), rate('favourites', 'fastify')),
    ),
    {
      scenario: 'deep page (90,000) by cursor',
      wanted: '= first pages ± 20 %',
      found: deep,
      atLeast: 0.8,
      atMost: 1.2,
    },
  ]
}

export function goalTable(goals: Goal[]): Table {
  return {
    title: 'Goals',
    header: ['scenario', 'goal', 'found', ''],
    rows: goals.map((goal) => [goal.scenario, goal.wanted, goal.found?.toFixed(2) ?? '', verdict(goal)]),
  }
}

function verdict({ found, atLeast = 0, atMost = Number.POSITIVE_INFINITY }: Goal): string {
  if (found === undefined) return 'not measured'
  return found >= atLeast && found <= atMost ? 'reached' : '**not reached**'
}
