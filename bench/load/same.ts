import { isDeepStrictEqual } from 'node:util'
import { favourites, favouritesById, lists, repeatedList } from './requests.ts'
import type { Stage } from './stage.ts'
import type { Request } from './wrk.ts'

/**
 * Asks every peer what the service is asked. Only a cursor may differ, as it is opaque: it is then followed.
 * @throws where a peer answers another JSON
 */
export async function compareAnswers(stage: Stage): Promise<string[]> {
  const { targets, ids } = stage
  const told: string[] = []
  for (const [name, { port }] of targets) {
    if (['ours', 'uncached', 'argon2', 'bytes', 'nginx'].includes(name)) continue
    const ask = (request: Request) => fetchJson(port, request)
    const ours = (request: Request) => fetchJson(stage.service.port, request)
    let count = 0
    const same = async (path: string) => {
      const [a, b] = [await ours({ path }), await ask({ path })]
      if (!isDeepStrictEqual(withoutCursor(a), withoutCursor(b))) throw different(name, path, a, b)
      count += 1
      return [cursorOf(a), cursorOf(b)] as const
    }
    for (const id of ids.slice(0, 30)) await same(`/films/${id}`)
    for (const { path } of lists(60)) await same(path)
    const [mine, theirs] = await same(repeatedList)
    if (mine && theirs) {
      const next = (cursor: string) => ({ path: `${repeatedList}&cursor=${cursor}` })
      const [a, b] = [await ours(next(mine)), await ask(next(theirs))]
      if (!isDeepStrictEqual(withoutCursor(a), withoutCursor(b))) throw different(name, 'the second page', a, b)
      count += 1
    }
    if (name === 'fastify') {
      for (const index of [0, 1, 2, 50, 199]) {
        const [request, byId] = [favourites(stage)[index], favouritesById(stage)[index]]
        if (!request || !byId) continue
        const [a, b] = [await ours(request), await ask(byId)]
        if (!isDeepStrictEqual(a, b)) throw different(name, 'the favourites', a, b)
        count += 1
      }
    }
    told.push(`${name}: ${count} answers are the same JSON`)
  }
  return told
}

async function fetchJson(port: number, { path, header }: Request): Promise<Record<string, unknown>> {
  const [name, value] = header?.split(': ') ?? []
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, name && value ? { headers: { [name]: value } } : {})
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${path} on port ${port}: ${answer.status} ${text}`)
  return JSON.parse(text)
}

function cursorOf(answer: Record<string, unknown>): string | undefined {
  return typeof answer.next_cursor === 'string' ? answer.next_cursor : undefined
}

function withoutCursor(answer: Record<string, unknown>): unknown {
  return 'next_cursor' in answer ? { ...answer, next_cursor: typeof answer.next_cursor } : answer
}

function different(name: string, path: string, ours: unknown, theirs: unknown): Error {
  return new Error(`${name} answers another JSON for ${path}: ${firstDifference(ours, theirs)}`)
}

function firstDifference(ours: unknown, theirs: unknown, at = 'answer'): string {
  const [a, b] = [ours, theirs].map((value) => (typeof value === 'object' && value !== null ? value : undefined))
  if (!a || !b) return `${at} is ${JSON.stringify(theirs)}, ours ${JSON.stringify(ours)}`
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])]
  const of = (value: object, name: string): unknown => Object.entries(value).find(([key]) => key === name)?.[1]
  const name = names.find((each) => !isDeepStrictEqual(of(a, each), of(b, each)))
  return name === undefined ? `${at} has another shape` : firstDifference(of(a, name), of(b, name), `${at}.${name}`)
}
