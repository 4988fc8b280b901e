import { html, useEffect, useLayoutEffect, useRef, useState, type VNode } from '../html.ts'
import { t } from '../i18n.ts'
import { session } from '../session.ts'
import { ErrorNote } from './feedback.ts'
import { type Card, FilmGrid, GridSkeleton } from './film-card.ts'

export interface Part {
  films: Card[]
  total?: number | undefined
  /** For the part behind it; null at the end. */
  next: string | null
}

interface Known {
  /** By what it is loaded. */
  at: string
  height: number
  films: Card[] | undefined
}

interface State {
  parts: Known[]
  next: string | null
  total: number | undefined
  error: unknown
}

interface Props {
  /** What is listed: another one begins at its top. */
  name: string
  load(at: string, signal: AbortSignal): Promise<Part>
  onTotal?(total: number): void
  empty: VNode
}

// Beyond the edge of the window, in px.
const margin = 1200
// Films are kept of so many parts; others are loaded again when they come into view.
const keptParts = 12
const start = ''
// Of lists left behind: going back shows them as they were.
const left = new Map<string, State>()

/** A list of any length: what is far from the window is a gap of its height, so that the page does not grow. */
export function EndlessGrid({ name, load, onTotal, empty }: Props): VNode {
  const [state, setState] = useState<State>(() => left.get(name) ?? fresh())
  const [range, setRange] = useState<[from: number, to: number]>([0, 0])
  const root = useRef<HTMLDivElement>(null)
  const live = useRef(state)
  live.current = state
  const loading = useRef(new Set<string>())

  const update = (change: (state: State) => State) => {
    live.current = change(live.current)
    remember(name, live.current)
    setState(live.current)
  }
  const fetchPart = (at: string, signal: AbortSignal) => {
    if (loading.current.has(at)) return
    loading.current.add(at)
    load(at, signal)
      .then((part) => {
        if (signal.aborted) return
        if (part.total !== undefined) onTotal?.(part.total)
        update((before) => withPart(before, at, part))
      })
      .catch((error) => {
        if (!signal.aborted) update((before) => ({ ...before, error }))
      })
      .finally(() => loading.current.delete(at))
  }
  const controller = useRef(new AbortController())
  useEffect(() => {
    controller.current = new AbortController()
    const before = left.get(name) ?? fresh()
    live.current = before
    loading.current = new Set()
    setState(before)
    setRange([0, 0])
    if (before.total !== undefined) onTotal?.(before.total)
    look()
    return () => controller.current.abort()
  }, [name])

  /** Which parts are near the window, and what of them has to be loaded. */
  const look = () => {
    const box = root.current?.getBoundingClientRect()
    if (!box) return
    const { parts, next, error } = live.current
    const [top, bottom] = [-margin - box.top, innerHeight + margin - box.top]
    let y = 0
    let from = parts.length
    let to = 0
    for (const [i, { height }] of parts.entries()) {
      if (y + height >= top && from === parts.length) from = i
      if (y <= bottom) to = i + 1
      y += height
    }
    setRange(([a, b]) => (a === from && b === to ? [a, b] : [from, to]))
    for (const { at, films } of parts.slice(from, to)) if (!films) fetchPart(at, controller.current.signal)
    if (next !== null && !error && y <= bottom) fetchPart(next, controller.current.signal)
  }
  useEffect(() => {
    let frame = 0
    const onScroll = () => {
      cancelAnimationFrame(frame)
      frame = requestAnimationFrame(look)
    }
    addEventListener('scroll', onScroll, { passive: true })
    addEventListener('resize', onScroll, { passive: true })
    return () => {
      cancelAnimationFrame(frame)
      removeEventListener('scroll', onScroll)
      removeEventListener('resize', onScroll)
    }
  }, [name])
  useLayoutEffect(() => measure(root.current, live.current), [state, range[0], range[1]])
  useEffect(look, [state, range[0], range[1]])

  const { parts, next, error } = state
  const [from, to] = [Math.min(range[0], parts.length), Math.min(range[1], parts.length)]
  const gap = (some: Known[]) => some.reduce((sum, { height }) => sum + height, 0)
  return html`<div ref=${root} class="endless">
    <div style=${{ height: `${gap(parts.slice(0, from))}px` }}></div>
    ${parts.slice(from, to).map(
      (
        part,
        i,
      ) => html`<div key=${part.at} data-part=${from + i} style=${part.films ? null : { height: `${part.height}px` }}>
        ${part.films ? html`<${FilmGrid} films=${part.films} eager=${from + i === 0 ? 6 : 0} />` : null}
      </div>`,
    )}
    <div style=${{ height: `${gap(parts.slice(to))}px` }}></div>
    ${
      error
        ? html`<${ErrorNote} error=${error} retry=${() => {
            update((before) => ({ ...before, error: undefined }))
            look()
          }} />`
        : null
    }
    ${next !== null && !error && html`<${GridSkeleton} key=${`${parts.length}-${to}`} count=${parts.length === 0 ? 20 : 6} />`}
    ${next === null && parts.every(({ films }) => films?.length === 0) ? empty : null}
    ${next === null && parts.length > 1 && html`<p class="quiet end">${t('list.end')}</p>`}
  </div>`
}

function fresh(): State {
  return { parts: [], next: start, total: undefined, error: undefined }
}

function remember(name: string, state: State): void {
  left.delete(name)
  left.set(name, state)
  for (const oldest of left.keys()) {
    if (left.size <= 8) break
    left.delete(oldest)
  }
}

/** After a change by the user, lists are as they are now. */
export function invalidateLists(): void {
  left.clear()
}
session.subscribe(invalidateLists)

function withPart(state: State, at: string, { films, next, total }: Part): State {
  const i = state.parts.findIndex((part) => part.at === at)
  if (i < 0) {
    const parts = [...state.parts, { at, height: 0, films }]
    return { ...state, parts: lighter(parts, parts.length - 1), next, total: total ?? state.total }
  }
  const parts = state.parts.map((part, n) => (n === i ? { ...part, films } : part))
  return { ...state, parts: lighter(parts, i) }
}

/** Films of parts that are far from this one are let go. */
function lighter(parts: Known[], center: number): Known[] {
  return parts.map((part, i) =>
    part.films && Math.abs(i - center) > keptParts / 2 ? { ...part, films: undefined } : part,
  )
}

/** The heights as they are drawn: what they are when they become gaps. */
function measure(root: HTMLElement | null, { parts }: State): void {
  for (const element of root?.querySelectorAll<HTMLElement>('[data-part]') ?? []) {
    const part = parts[Number(element.dataset.part)]
    if (part?.films) part.height = element.offsetHeight
  }
}
