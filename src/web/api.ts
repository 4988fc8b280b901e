import { useCallback, useEffect, useRef, useState } from './html.ts'
import { type Answer, ApiError, type Call, readProblem, send } from './http.ts'
import { currentToken, renew, session } from './session.ts'

/** A request of the user's, with a new token where the old one has expired. @throws {ApiError} */
export async function request<T>(path: string, call: Call = {}): Promise<Answer<T>> {
  const token = currentToken()
  try {
    return await send<T>(path, { ...call, token })
  } catch (error) {
    if (!token || !(error instanceof ApiError) || error.status !== 401) throw error
    const fresh = currentToken() === token ? await renew() : currentToken()
    if (!fresh) throw error
    return send<T>(path, { ...call, token: fresh })
  }
}

export async function api<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
  return (await request<T>(path, { method, ...(body !== undefined && { body }) })).data
}

export type Query = Record<string, string | number | boolean | string[] | null | undefined>

export function withQuery(path: string, query: Query): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    for (const each of [value].flat())
      if (each !== undefined && each !== null && each !== '') search.append(name, String(each))
  }
  const text = search.toString()
  return text ? `${path}?${text}` : path
}

export interface Loaded<T> {
  data: T | undefined
  headers: Headers | undefined
  error: unknown
  loading: boolean
  reload(): void
  /** In place of what was loaded, after a change made here. */
  replace(data: T): void
}

interface Kept {
  data: unknown
  headers: Headers
}

// What was seen lately: going back shows it at once.
const kept = new Map<string, Kept>()
const maxKept = 60

export function invalidate(): void {
  kept.clear()
}
session.subscribe(invalidate)

/** Loads an address, and again when it changes; what was loaded before is shown meanwhile. Null loads nothing. */
export function useGet<T>(path: string | null): Loaded<T> {
  const [state, setState] = useState<{
    path: string | null
    answer?: Kept | undefined
    error?: unknown
    loading: boolean
  }>({
    path,
    answer: path === null ? undefined : kept.get(path),
    loading: path !== null,
  })
  const [turn, setTurn] = useState(0)
  const current = useRef(path)
  current.current = path
  const version = useRef(0)
  useEffect(() => {
    if (path === null) return
    const controller = new AbortController()
    const begun = version.current
    const isLate = () => controller.signal.aborted || version.current !== begun
    setState({ path, answer: kept.get(path), loading: true })
    request<T>(path, { signal: controller.signal }).then(
      ({ data, headers }) => {
        if (isLate()) return
        keep(path, { data, headers })
        setState({ path, answer: { data, headers }, loading: false })
      },
      (error) => {
        if (!isLate()) setState({ path, answer: kept.get(path), error, loading: false })
      },
    )
    return () => controller.abort()
  }, [path, turn])
  useEffect(
    () => () => {
      current.current = null
    },
    [],
  )
  const isThis = state.path === path
  const answer = isThis ? state.answer : path === null ? undefined : kept.get(path)
  return {
    data: answer?.data as T | undefined,
    headers: answer?.headers,
    error: isThis ? state.error : undefined,
    loading: isThis ? state.loading : path !== null,
    reload: useCallback(() => setTurn((n) => n + 1), []),
    replace: useCallback((data: T) => {
      const at = current.current
      if (at === null) return
      version.current++
      const headers = kept.get(at)?.headers ?? new Headers()
      keep(at, { data, headers })
      setState({ path: at, answer: { data, headers }, loading: false })
    }, []),
  }
}

function keep(path: string, answer: Kept): void {
  kept.delete(path)
  kept.set(path, answer)
  for (const oldest of kept.keys()) {
    if (kept.size <= maxKept) break
    kept.delete(oldest)
  }
}

/** Sends a file, telling how far it is (0 to 1); `fetch` tells nothing of that. @throws {ApiError} */
export async function upload<T>(
  method: string,
  path: string,
  form: FormData,
  onProgress: (part: number) => void,
): Promise<T> {
  const attempt = (token: string | undefined) =>
    new Promise<T>((resolve, reject) => {
      const xhr = new XMLHttpRequest()
      xhr.open(method, path)
      xhr.setRequestHeader('accept', 'application/json')
      if (token) xhr.setRequestHeader('authorization', `Bearer ${token}`)
      xhr.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0)
      xhr.onerror = () => reject(new ApiError(0, 'offline', 'The service cannot be reached'))
      xhr.onload = () => {
        if (xhr.status >= 400) reject(readProblem(xhr.status, xhr.responseText, xhr.getResponseHeader('retry-after')))
        else resolve((xhr.responseText ? JSON.parse(xhr.responseText) : null) as T)
      }
      xhr.send(form)
    })
  try {
    return await attempt(currentToken())
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error
    const token = await renew()
    if (!token) throw error
    return attempt(token)
  }
}

/** Saves what an address answers as a file. @throws {ApiError} */
export async function download(path: string, name: string): Promise<void> {
  const { data } = await request<unknown>(path, { headers: { accept: '*/*' } })
  const blob = data instanceof Blob ? data : new Blob([JSON.stringify(data, null, 2)], { type: 'application/json' })
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}
