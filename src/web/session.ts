import { createStore } from './html.ts'
import { ApiError, send } from './http.ts'
import type { Profile } from './types.ts'

export interface Session {
  user: Profile | null
  /** It ended elsewhere, while it was in use here. */
  ended: boolean
  /** Why it could not be asked who is logged in: there may be a session. */
  error?: unknown
}

export const session = createStore<Session>({ user: null, ended: false })

// Whether there may be a cookie, which no script sees: without it nothing is asked at the start.
const hint = 'kinoteka-session'
const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('kinoteka-session') : undefined
// In memory only: it is gone with the tab.
let token: string | undefined
let renewing: Promise<string | undefined> | undefined
// Whether the cookie is of the user who is shown.
let isSure = false

interface Token {
  access_token: string
}

const web = <T>(action: string, body: object = {}) =>
  send<T>(`/auth/web/${action}`, { method: 'POST', body, credentials: 'same-origin' })

export function currentToken(): string | undefined {
  return token
}

export function hasPublicCatalogue(): boolean {
  return document.documentElement.dataset.public === 'true'
}

/** At the start, and when another tab has logged in: who is logged in here. */
export async function start(): Promise<void> {
  isSure = false
  if (!localStorage.getItem(hint)) return session.set({ user: null, ended: false })
  try {
    await renew()
  } catch (error) {
    if (!session.get().user) session.set({ user: null, ended: false, error })
  }
}

/** A new access token, one at a time in all tabs; undefined when the session is over. @throws {ApiError} when it can't be asked */
export function renew(): Promise<string | undefined> {
  renewing ??= inTurn(fetchToken).finally(() => {
    renewing = undefined
  })
  return renewing
}

/** Whatever sets the cookie or takes it away: one at a time in all tabs. */
async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  return navigator.locks ? navigator.locks.request('kinoteka-refresh', work) : work()
}

async function fetchToken(): Promise<string | undefined> {
  try {
    await take((await web<Token>('refresh')).data)
    return token
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error
    endHere(true)
    return undefined
  }
}

/** A token is not used before it is known whose it is: what is shown may be another user's. */
async function take({ access_token }: Token): Promise<void> {
  const user = isSure ? undefined : (await send<Profile>('/user', { token: access_token })).data
  token = access_token
  if (!user) return
  isSure = true
  session.set({ user, ended: false })
}

/** @throws {ApiError} */
export async function logIn(login: string, password: string): Promise<void> {
  await inTurn(async () => {
    const { data } = await web<Token>('login', { login, password })
    localStorage.setItem(hint, '1')
    channel?.postMessage('in')
    isSure = false
    await take(data)
  })
}

/** @throws {ApiError} */
export async function logOut(): Promise<void> {
  await inTurn(async () => {
    await web('logout')
    endHere(false)
    channel?.postMessage('out')
  })
}

export async function loadUser(): Promise<void> {
  const { data: user } = await send<Profile>('/user', { token })
  session.set({ user, ended: false })
}

/** The session is over: by this user, or elsewhere. */
export function endHere(elsewhere: boolean): void {
  const { user } = session.get()
  token = undefined
  isSure = false
  localStorage.removeItem(hint)
  session.set({ user: null, ended: elsewhere && user !== null })
}

channel?.addEventListener('message', ({ data }) => {
  if (data === 'out') endHere(false)
  else if (data === 'in') void start()
})
