import { html, useEffect, useRef, useState, useStore, type VNode } from './html.ts'
import { send } from './http.ts'
import { chooseLanguage, type Language, language, languages, loadMoreWords, t } from './i18n.ts'
import { ErrorNote, LiveRegion, Notice } from './parts/feedback.ts'
import { SearchBox } from './parts/search-box.ts'
import { type Place, place } from './router.ts'
import { hasPublicCatalogue, session, start } from './session.ts'
import type { Profile } from './types.ts'

interface Screen {
  /** As the metric counts it. */
  name: string
  load(): Promise<{ default: (given: { place: Place; id: string }) => VNode }>
  /** Who may see it. */
  for: 'all' | 'readers' | 'users' | 'admins'
  hasMoreWords?: boolean
}

const screens: [path: RegExp, Screen][] = [
  [/^\/$/, { name: 'home', load: () => import('./screens/home.ts'), for: 'readers' }],
  [/^\/app\/search$/, { name: 'search', load: () => import('./screens/search.ts'), for: 'users' }],
  [/^\/app\/catalogue$/, { name: 'catalogue', load: () => import('./screens/catalogue.ts'), for: 'readers' }],
  [/^\/app\/film\/([^/]+)$/, { name: 'film', load: () => import('./screens/film.ts'), for: 'readers' }],
  [/^\/app\/person\/(\d+)$/, { name: 'person', load: () => import('./screens/person.ts'), for: 'users' }],
  [
    /^\/app\/mine(?:\/(\w+))?$/,
    { name: 'mine', load: () => import('./screens/mine.ts'), hasMoreWords: true, for: 'users' },
  ],
  [
    /^\/app\/account(?:\/(\w+))?$/,
    { name: 'account', load: () => import('./screens/account.ts'), hasMoreWords: true, for: 'users' },
  ],
  [
    /^\/app\/admin(?:\/(\w+))?$/,
    { name: 'administration', load: () => import('./screens/admin.ts'), hasMoreWords: true, for: 'admins' },
  ],
  [/^\/app\/login$/, { name: 'login', load: () => import('./screens/login.ts'), for: 'all' }],
  [/^\/app\/register$/, { name: 'register', load: () => import('./screens/login.ts'), for: 'all' }],
  [/^\/app\/reset$/, { name: 'login', load: () => import('./screens/login.ts'), for: 'all' }],
]
const login: Screen = { name: 'login', load: () => import('./screens/login.ts'), for: 'all' }
const notFound: Screen = { name: 'not_found', load: () => import('./screens/not-found.ts'), for: 'all' }

function screenAt({ path }: Place, user: { role: string } | null): { screen: Screen; id: string } {
  for (const [pattern, screen] of screens) {
    const match = pattern.exec(path)
    if (!match) continue
    const allowed = {
      all: true,
      readers: user !== null || hasPublicCatalogue(),
      users: user !== null,
      admins: user?.role === 'admin',
    }
    if (screen.for === 'admins' && user && !allowed.admins) return { screen: notFound, id: '' }
    return { screen: allowed[screen.for] ? screen : login, id: match[1] ?? '' }
  }
  return { screen: notFound, id: '' }
}

export function App(): VNode {
  const now = useStore(place)
  const { user, ended, error: startError } = useStore(session)
  useStore(language)
  const { screen, id } = screenAt(now, user)
  const { shown, error, retry } = useScreen(screen, now, id, user)
  useEffect(() => {
    void send('/web/views', { method: 'POST', body: { screen: screen.name } }).catch(() => undefined)
  }, [screen.name, now.path])
  return html`
    <button type="button" class="skip" onClick=${() => document.getElementById('main')?.focus()}>${t('skip')}</button>
    <${Header} place=${now} />
    ${ended && html`<${Notice} kind="warning">${t('session.ended')} <a href="/app/login">${t('login')}</a><//>`}
    <${Connection} />
    <main id="main" tabindex="-1">
      ${startError ? html`<${ErrorNote} error=${startError} retry=${start} />` : null}
      ${error ? html`<${ErrorNote} error=${error} retry=${retry} />` : null}
      ${shown && !(startError && screen === login) ? html`<${shown.Component} key=${shown.key} place=${shown.place} id=${shown.id} />` : null}
    </main>
    <${Footer} />
    <${LiveRegion} />
  `
}

interface Shown {
  Component: Component
  key: string
  /** Whose it is; null where it is the same for all. */
  owner: number | null
  place: Place
  id: string
}

type Component = Awaited<ReturnType<Screen['load']>>['default']

/** The former screen stays until the next one has come; not where a login is needed meanwhile, nor for another user. */
function useScreen(screen: Screen, now: Place, id: string, user: Profile | null) {
  const loaded = useRef(new Map<string, Component>())
  const former = useRef<Shown | undefined>(undefined)
  const [error, setError] = useState<unknown>(undefined)
  const [turn, setTurn] = useState(0)
  const draw = () => setTurn((n) => n + 1)
  useEffect(() => {
    setError(undefined)
    if (loaded.current.has(screen.name)) return
    let gone = false
    Promise.all([screen.load(), screen.hasMoreWords && loadMoreWords()]).then(
      ([{ default: Component }]) => {
        loaded.current.set(screen.name, Component)
        if (!gone) draw()
      },
      (error) => {
        if (!gone) setError(error)
      },
    )
    return () => {
      gone = true
    }
  }, [screen.name, turn])
  const Component = loaded.current.get(screen.name)
  const owner = screen.for === 'all' ? null : (user?.id ?? null)
  const shownTo = former.current?.owner ?? null
  if (Component) former.current = { Component, key: `${screen.name}-${id}-${owner}`, owner, place: now, id }
  else if (screen === login || (shownTo !== null && shownTo !== user?.id)) former.current = undefined
  return { shown: former.current, error, retry: draw }
}

function Header({ place: { path } }: { place: Place }): VNode {
  const { user } = useStore(session)
  const canRead = user !== null || hasPublicCatalogue()
  const item = (href: string, label: string) =>
    html`<a href=${href} aria-current=${href === path || (href !== '/' && path.startsWith(href)) ? 'page' : null}>${label}</a>`
  return html`
    <header class="top">
      <a class="brand" href="/"><${Mark} />Kinoteka</a>
      ${canRead ? html`<${SearchBox} key=${user?.id} />` : html`<span class="grow"></span>`}
      <nav aria-label=${t('nav.label')}>
        ${canRead && item('/app/catalogue', t('nav.catalogue'))}
        ${user && item('/app/mine', t('nav.mine'))}
        ${user?.role === 'admin' && item('/app/admin', t('nav.admin'))}
        ${user ? item('/app/account', t('nav.account')) : item('/app/login', t('login'))}
      </nav>
    </header>
  `
}

function Mark(): VNode {
  return html`<svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
    <rect width="32" height="32" rx="7" class="mark-back" />
    <path class="mark-front" d="M10 8v16M22 8l-9 8 9 8" fill="none" stroke-width="3.4" stroke-linecap="round" stroke-linejoin="round" />
  </svg>`
}

/** That the browser is offline; that the connection can be read by others. */
function Connection(): VNode | null {
  const [online, setOnline] = useState(navigator.onLine)
  useEffect(() => {
    const listen = () => setOnline(navigator.onLine)
    addEventListener('online', listen)
    addEventListener('offline', listen)
    return () => {
      removeEventListener('online', listen)
      removeEventListener('offline', listen)
    }
  }, [])
  return online ? null : html`<${Notice} kind="warning">${t('offline')}<//>`
}

function Footer(): VNode {
  const isSandbox = document.documentElement.dataset.sandbox === 'true'
  return html`
    <footer>
      <span class="languages" role="group" aria-label=${t('language')}>
        ${(Object.entries(languages) as [Language, string][]).map(
          ([code, name]) => html`<button type="button" class="link" lang=${code} aria-pressed=${language.get() === code}
            onClick=${() => chooseLanguage(code)}>${name}</button>`,
        )}
      </span>
      ${isSandbox && html`<span>${t('footer.sandbox')}</span>`}
      ${!isSecureContext && html`<span>${t('footer.plain')}</span>`}
      <a href="/docs">${t('footer.api')}</a>
    </footer>
  `
}
