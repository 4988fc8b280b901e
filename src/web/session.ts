import { createStore } from './html.ts'
import { ApiError, send } from './http.ts'
import type { Profile } from './types.ts'

export interface Session {
  /** False until it is known whether there is one. */
  known: boolean
  user: Profile | null
  /** It ended elsewhere, while it was in use here. */
  ended: boolean
}

export const session = createStore<Session>({ known: false, user: null, ended: false })

// Whether there may be a cookie, which no script sees: without it nothing is asked at the start.
const hint = 'kinoteka-session'
const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('kinoteka-session') : undefined
// In memory only: it is gone with the tab.
let token: string | undefined
let renewing: Promise<string | undefined> | undefined

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

/** At the start: who is logged in here. */
export async function start(): Promise<void> {
  if (!localStorage.getItem(hint)) return session.set({ known: true, user: null, ended: false })
  try {
    await renew()
    await loadUser()
  } catch {
    // Not reachable now: as a guest, and the screens say what is wrong.
    session.set({ known: true, user: null, ended: false })
  }
}

/** A new access token, one at a time in all tabs; undefined when the session is over. @throws {ApiError} when it can't be asked */
export function renew(): Promise<string | undefined> {
  renewing ??= inTurn(fetchToken).finally(() => {
    renewing = undefined
  })
  return renewing
}

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  return navigator.locks ? navigator.locks.request('kinoteka-refresh', work) : work()
}

async function fetchToken(): Promise<string | undefined> {
  try {
    token = (await web<Token>('refresh')).data.access_token
    return token
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error
    endHere(true)
    return undefined
  }
}

/** @throws {ApiError} */
export async function logIn(login: string, password: string): Promise<void> {
  token = (await web<Token>('login', { login, password })).data.access_token
  localStorage.setItem(hint, '1')
  await loadUser()
  channel?.postMessage('in')
}

/** @throws {ApiError} */
export async function logOut(): Promise<void> {
  await web('logout')
  endHere(false)
  channel?.postMessage('out')
}

export async function loadUser(): Promise<void> {
  const { data: user } = await send<Profile>('/user', { token })
  session.set({ known: true, user, ended: false })
}

/** The session is over: by this user, or elsewhere. */
export function endHere(elsewhere: boolean): void {
  const { user } = session.get()
  token = undefined
  localStorage.removeItem(hint)
  session.set({ known: true, user: null, ended: elsewhere && user !== null })
}

channel?.addEventListener('message', ({ data }) => {
  if (data === 'out') endHere(false)
  else if (data === 'in') void start()
})
