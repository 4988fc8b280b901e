import { AppError } from '../../errors.ts'
import type { User } from './service.ts'
import type { SessionRepository } from './session-repository.ts'

export type SessionService = ReturnType<typeof createSessionService>

/** A user's own sessions, seen and ended one by one. */
export function createSessionService({ sessions }: { sessions: SessionRepository }) {
  return {
    /** Those alive, the last used first. */
    async list(user: User) {
      const rows = await sessions.list(user.id)
      return rows.map((row) => ({ ...row, current: row.id === user.sessionId }))
    },

    /** @throws {AppError} session_not_found */
    async end(user: User, sessionId: string): Promise<void> {
      if (!(await sessions.remove(sessionId, user.id))) throw new AppError('session_not_found')
    },

    endOthers: (user: User) => sessions.removeOthers(user.sessionId, user.id),
  }
}
