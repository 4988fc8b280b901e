import { createStore } from './html.ts'

export interface Place {
  path: string
  query: URLSearchParams
  hash: string
  /** Of an entry of the history. */
  key: string
}

const place = createStore<Place>(read())

export { place }

const scrolls = new Map<string, number>()
let scrolling = 0

function read(): Place {
  const { pathname, search, hash } = location
  return {
    path: pathname,
    query: new URLSearchParams(search),
    hash,
    key: (history.state as { key?: string } | null)?.key ?? 'start',
  }
}

/** Goes to an address of the page. `replace`: in place of this entry, without moving. */
export function navigate(url: string, { replace = false } = {}): void {
  scrolls.set(place.get().key, scrollY)
  const key = replace ? place.get().key : crypto.getRandomValues(new Uint32Array(2)).join('')
  history[replace ? 'replaceState' : 'pushState']({ key }, '', url)
  place.set(read())
  if (!replace) {
    scrollTo(0, 0)
    focusHeading()
  }
}

/** Links of the page are followed here; those with a modifier, a target or a download by the browser. */
export function startRouter(): void {
  history.scrollRestoration = 'manual'
  addEventListener('popstate', () => {
    scrolls.set(place.get().key, scrollY)
    place.set(read())
    restore(scrolls.get(place.get().key) ?? 0)
  })
  addEventListener('pagehide', () =>
    sessionStorage.setItem('kinoteka-scroll', JSON.stringify([location.href, scrollY])),
  )
  const [href, y] = JSON.parse(sessionStorage.getItem('kinoteka-scroll') ?? '[]') as [string?, number?]
  if (href === location.href && y) restore(y)
  document.addEventListener('click', (event) => {
    const link = (event.target as Element | null)?.closest?.('a')
    if (
      !link ||
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return
    if (link.target || link.hasAttribute('download') || link.origin !== location.origin) return
    if (link.pathname !== '/' && !link.pathname.startsWith('/app/')) return
    event.preventDefault()
    navigate(link.pathname + link.search + link.hash)
  })
}

/** The new screen's heading has the focus, so that a screen reader begins there. */
function focusHeading(tries = 20): void {
  const before = document.querySelector('main h1')
  requestAnimationFrame(() => {
    const heading = document.querySelector<HTMLElement>('main h1')
    const isNew = heading !== null && (heading !== before || tries === 0)
    if (isNew || (heading && tries < 10)) heading.focus({ preventScroll: true })
    else if (tries > 0) focusHeading(tries - 1)
  })
}

/** As soon as the screen is long enough; until the user scrolls, or two seconds are over. */
function restore(y: number): void {
  const turn = ++scrolling
  const until = performance.now() + 2000
  const stop = () => {
    scrolling++
  }
  for (const name of ['wheel', 'touchmove', 'keydown']) addEventListener(name, stop, { once: true, passive: true })
  const step = () => {
    if (turn !== scrolling) return
    scrollTo(0, y)
    if (Math.abs(scrollY - y) > 2 && performance.now() < until) requestAnimationFrame(step)
  }
  requestAnimationFrame(step)
}
