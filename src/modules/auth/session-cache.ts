import type { Cache } from '../../cache/cache.ts'
import type { SessionRepository } from './session-repository.ts'

interface LiveSession {
  /** The user's. */
  id: number
  role: 'user' | 'admin'
  /** In ms of performance.now(). */
  until: number
}

/**
 * The user of a live session, needed on every request. An end of the session, another role or a block invalidates the
 * entry: at once in the process that did it, within a second in the others.
 */
export function createSessionCache({
  sessions,
  cache,
}: {
  sessions: Pick<SessionRepository, 'findLive'>
  cache: Cache
}) {
  const region = cache.region<string, LiveSession>({
    name: 'session',
    sizeOf: () => 200,
    invalidatedBy: { session: 'one' },
  })
  async function find(sessionId: string, userId: number) {
    const session = await region.find(sessionId, async () => {
      const now = performance.now()
      const live = await sessions.findLive(sessionId, userId)
      return live && { id: live.id, role: live.role, until: now + live.seconds_left * 1000 }
    })
    if (isLive(session, userId)) return session
    // One that had expired may have been refreshed since.
    if (session) region.invalidate(sessionId)
    return session && sessions.findLive(sessionId, userId)
  }
  /** At once where it is in memory. */
  return (sessionId: string, userId: number) => {
    const session = region.get(sessionId)
    return isLive(session, userId) ? session : find(sessionId, userId)
  }
}

function isLive(session: LiveSession | undefined, userId: number): boolean {
  return session?.id === userId && session.until > performance.now()
}
