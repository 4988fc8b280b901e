import {
  type Dashboard,
  FieldColorModeId,
  type FieldConfigSource,
  MappingType,
  type Panel,
  type RowPanel,
  type Threshold,
  ThresholdsMode,
  type ValueMapping,
} from '@grafana/schema'
import { addressOf } from './sections.ts'

/** What Grafana knows the data source and the dashboards by: provisioning/datasources/prometheus.yml. */
export const datasource = { type: 'prometheus', uid: 'prometheus' }

type Kind = 'stat' | 'gauge' | 'timeseries' | 'table' | 'state-timeline' | 'text'

/** A panel without its place. */
export interface Piece {
  kind: Kind
  title: string
  description?: string | undefined
  fieldConfig?: FieldConfigSource
  targets?: NonNullable<Panel['targets']>
  transformations?: NonNullable<Panel['transformations']>
  options: Record<string, unknown>
  links?: NonNullable<Panel['links']>
}

interface Look {
  /** Grafana's name of a unit: `reqps`, `s`, `percentunit`, `bytes`, `short` … */
  unit?: string
  description: string
  /** Where yellow and red begin; red below yellow where less is worse. */
  limits?: readonly [yellow: number, red: number]
  /** A section of the runbook, by the name of its alert. */
  runbook?: string
  max?: number
  decimals?: number
  /** What the values 0, 1, … mean. */
  words?: [text: string, color: string][]
}

/** Legend → query. A legend may hold labels: `{{route}}`. */
type Queries = Record<string, string>

/** One number. */
export function stat(title: string, expr: string, look: Look): Piece {
  return {
    ...piece('stat', title, { [title]: expr }, look, { custom: {} }),
    options: {
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
      colorMode: look.limits || look.words ? 'background' : 'value',
      graphMode: look.words ? 'none' : 'area',
      textMode: 'value',
    },
  }
}

/** One number of which there is a most. */
export function gauge(title: string, expr: string, look: Look & { max: number }): Piece {
  return {
    ...piece('gauge', title, { [title]: expr }, look, { custom: {} }),
    options: { reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false }, showThresholdMarkers: true },
  }
}

/** Lines over time; `stacked` adds them up, `share` as parts of a whole. */
export function graph(title: string, queries: Queries, look: Look, stacking?: 'stacked' | 'share'): Piece {
  const mode = stacking === 'share' ? 'percent' : stacking === 'stacked' ? 'normal' : 'none'
  const custom = {
    lineWidth: 1,
    fillOpacity: stacking ? 40 : 8,
    showPoints: 'never',
    spanNulls: 60_000,
    stacking: { mode, group: 'A' },
    thresholdsStyle: { mode: look.limits ? 'dashed' : 'off' },
  }
  return {
    ...piece('timeseries', title, queries, look, { custom, min: 0 }),
    options: {
      legend: { displayMode: 'table', placement: 'bottom', showLegend: true, calcs: ['mean', 'max', 'lastNotNull'] },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  }
}

/** States over time, one line for each series. */
export function states(title: string, queries: Queries, look: Look): Piece {
  return {
    ...piece('state-timeline', title, queries, look, { custom: { fillOpacity: 80, lineWidth: 0 } }),
    options: { showValue: 'never', mergeValues: true, legend: { displayMode: 'list', placement: 'bottom' } },
  }
}

/** A row for each set of labels, a column for each query; `units` by the queries' names. */
export function table(title: string, queries: Queries, look: Look & { units?: Record<string, string> }): Piece {
  const names = Object.keys(queries)
  const renamed = Object.fromEntries(names.map((name, index) => [`Value #${letter(index)}`, name]))
  const made = piece('table', title, queries, look, { custom: { align: 'auto', filterable: true } })
  const targets = made.targets?.map((target) => ({ ...target, format: 'table', instant: true, range: false }))
  return {
    ...made,
    targets: targets ?? [],
    transformations: [
      { id: 'merge', options: {} },
      { id: 'organize', options: { excludeByName: { Time: true, __name__: true, job: true }, renameByName: renamed } },
    ],
    fieldConfig: {
      defaults: made.fieldConfig?.defaults ?? {},
      overrides: Object.entries(look.units ?? {}).map(([name, unit]) => ({
        matcher: { id: 'byName', options: name },
        properties: [{ id: 'unit', value: unit }],
      })),
    },
    options: { showHeader: true, sortBy: [{ displayName: names[0], desc: true }] },
  }
}

export function text(title: string, content: string): Piece {
  return { kind: 'text', title, options: { mode: 'markdown', content } }
}

/** Titled rows of lines of panels, each line evenly filled. */
export function dashboard(
  {
    uid,
    title,
    description,
    tags = ['kinoteka'],
  }: { uid: string; title: string; description: string; tags?: string[] },
  rows: Record<string, Piece[][]>,
  variables: NonNullable<Dashboard['templating']>['list'] = [],
): Dashboard {
  return {
    uid,
    title,
    description,
    tags,
    schemaVersion: 39,
    editable: false,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    timezone: 'browser',
    templating: { list: variables },
    annotations: { list: [alertMarks] },
    links: [
      {
        title: 'Kinoteka',
        type: 'dashboards',
        tags: ['kinoteka'],
        asDropdown: true,
        keepTime: true,
        icon: 'dashboard',
      },
    ].map((link) => ({ ...link, type: 'dashboards' as const, includeVars: false, targetBlank: false, tooltip: '' })),
    panels: placed(rows),
  }
}

/** Red lines on every graph, where an alert began to fire. */
const alertMarks = {
  name: 'Alerts',
  datasource,
  enable: true,
  iconColor: 'red',
  expr: 'ALERTS{alertstate="firing"}',
  titleFormat: '{{alertname}}',
  textFormat: '{{instance}}',
}

/** A variable that picks label values; all of them by default. */
export function choice(name: string, label: string, query: string) {
  return {
    name,
    label,
    type: 'query' as const,
    datasource,
    query: { query, refId: name },
    refresh: 2,
    multi: true,
    includeAll: true,
    allValue: '.*',
    sort: 1,
    current: { selected: true, text: ['All'], value: ['$__all'] },
  }
}

function piece(
  kind: Kind,
  title: string,
  queries: Queries,
  { unit = 'short', description, limits, runbook, max, decimals, words }: Look,
  defaults: Record<string, unknown>,
): Omit<Piece, 'options'> {
  return {
    kind,
    title,
    description,
    fieldConfig: {
      defaults: {
        ...defaults,
        unit,
        ...(max !== undefined && { max, min: 0 }),
        ...(decimals !== undefined && { decimals }),
        ...(limits ? { color: { mode: FieldColorModeId.Thresholds }, thresholds: steps(limits) } : {}),
        ...(kind === 'timeseries' && { color: { mode: FieldColorModeId.PaletteClassic } }),
        ...(words && { mappings: [mapping(words)] }),
      },
      overrides: [],
    },
    targets: Object.entries(queries).map(([legend, expr], index) => ({
      refId: letter(index),
      datasource,
      expr,
      legendFormat: legend,
      editorMode: 'code',
      range: true,
    })),
    ...(runbook && {
      links: [{ title: `Runbook: ${runbook}`, url: addressOf(runbook), ...sameTab }],
    }),
  }
}

const sameTab = {
  type: 'link' as const,
  asDropdown: false,
  icon: 'doc',
  includeVars: false,
  keepTime: false,
  tags: [],
  targetBlank: true,
  tooltip: '',
}

function steps([yellow, red]: readonly [number, number]): { mode: ThresholdsMode; steps: Threshold[] } {
  const steps =
    yellow <= red
      ? [
          { value: null, color: 'green' },
          { value: yellow, color: 'yellow' },
          { value: red, color: 'red' },
        ]
      : [
          { value: null, color: 'red' },
          { value: red, color: 'yellow' },
          { value: yellow, color: 'green' },
        ]
  return { mode: ThresholdsMode.Absolute, steps }
}

function mapping(words: [string, string][]): ValueMapping {
  return {
    type: MappingType.ValueToText,
    options: Object.fromEntries(words.map(([word, color], value) => [value, { text: word, color, index: value }])),
  }
}

const heights: Record<Kind, number> = { stat: 4, gauge: 6, timeseries: 8, table: 10, 'state-timeline': 8, text: 10 }

function placed(rows: Record<string, Piece[][]>): (Panel | RowPanel)[] {
  const panels: (Panel | RowPanel)[] = []
  let y = 0
  let id = 1
  for (const [title, lines] of Object.entries(rows)) {
    panels.push({ id: id++, type: 'row', title, collapsed: false, gridPos: { x: 0, y, w: 24, h: 1 }, panels: [] })
    y += 1
    for (const line of lines) {
      const w = Math.floor(24 / line.length)
      const h = Math.max(...line.map(({ kind }) => heights[kind]))
      for (const [index, { kind, ...rest }] of line.entries()) {
        const { fieldConfig, description, ...others } = rest
        panels.push({
          id: id++,
          type: kind,
          gridPos: { x: index * w, y, w, h },
          ...(kind !== 'text' && { datasource }),
          ...(description && { description }),
          ...(fieldConfig && { fieldConfig }),
          ...others,
        })
      }
      y += h
    }
  }
  return panels
}

function letter(index: number): string {
  return String.fromCharCode(65 + index)
}
