import type { Memory } from '../../cache/cache.ts'
import type { SessionRepository } from './session-repository.ts'

interface LiveSession {
  /** The user's. */
  id: number
  role: 'user' | 'admin'
  /** In ms of performance.now(). */
  until: number
}

/**
 * The user of a session that is alive, asked on every request: from memory, out of which an end of the session, another
 * role or a block takes it, at once in the process that did it, within a second in the others.
 */
export function createLiveSessions({
  sessions,
  memory,
}: {
  sessions: Pick<SessionRepository, 'findLive'>
  memory: Memory
}) {
  const shelf = memory.shelf<string, LiveSession>({
    name: 'session',
    sizeOf: () => 200,
    dropped: { session: 'one' },
  })
  async function find(sessionId: string, userId: number) {
    const session = await shelf.find(sessionId, async () => {
      const now = performance.now()
      const live = await sessions.findLive(sessionId, userId)
      return live && { id: live.id, role: live.role, until: now + live.seconds_left * 1000 }
    })
    if (isLive(session, userId)) return session
    // One that had expired may have been refreshed since.
    if (session) shelf.forget(sessionId)
    return session && sessions.findLive(sessionId, userId)
  }
  /** At once where it is in memory. */
  return (sessionId: string, userId: number) => {
    const session = shelf.get(sessionId)
    return isLive(session, userId) ? session : find(sessionId, userId)
  }
}

function isLive(session: LiveSession | undefined, userId: number): boolean {
  return session?.id === userId && session.until > performance.now()
}
