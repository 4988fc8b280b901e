import type { FastifyInstance } from 'fastify'
import type { Config } from './config/config.ts'
import { createAuthMetrics } from './modules/auth/metrics.ts'
import { createRefreshTokens } from './modules/auth/refresh-tokens.ts'
import { createAuthRepository } from './modules/auth/repository.ts'
import { createAuthService } from './modules/auth/service.ts'
import { createLiveSessions } from './modules/auth/session-cache.ts'
import { createSessionRepository } from './modules/auth/session-repository.ts'
import { createSessionService } from './modules/auth/session-service.ts'
import { createThrottle } from './modules/auth/throttle.ts'
import { createThrottleRepository } from './modules/auth/throttle-repository.ts'
import { listRows } from './modules/lists/transfer/export.ts'
import { createTransferRepository } from './modules/lists/transfer/repository.ts'
import { createAccountRepository } from './modules/users/account-repository.ts'
import { createAccountService } from './modules/users/account-service.ts'
import { createUserAdminRepository } from './modules/users/admin-repository.ts'
import { createUserAdminService } from './modules/users/admin-service.ts'
import { createUserRepository } from './modules/users/repository.ts'
import { createUserService } from './modules/users/service.ts'
import authPlugin from './plugins/auth.ts'

/** The part of app.ts that is about accounts: tokens and sessions, profiles, and an account as a whole. */
export async function openAccounts(app: FastifyInstance, config: Config, jwtSecrets: string[]) {
  const { db } = app.database
  const repository = createAuthRepository(db)
  const sessions = createSessionRepository(db)
  const failures = createThrottleRepository(db)
  const findSession = createLiveSessions({ sessions, memory: app.memory })
  await app.register(authPlugin, { secrets: jwtSecrets, ttlMs: config.accessTtlMs, findSession })

  const metrics = createAuthMetrics(app.metrics)
  const auth = createAuthService({
    repository,
    sessions,
    passwords: metrics.passwords(),
    throttle: createThrottle(failures, metrics.throttled),
    accessTokens: app.accessTokens,
    refreshTokens: createRefreshTokens(jwtSecrets),
    accessTtlMs: config.accessTtlMs,
    refreshTtlMs: config.refreshTtlMs,
    phoneRegion: config.phoneRegion,
    reused({ userId: user_id, sessionId: session_id }) {
      metrics.reused()
      app.log.warn({ event: 'refresh_token_reused', user_id, session_id }, 'an old refresh token ended its session')
    },
  })
  const users = createUserService({ users: createUserRepository(db) })
  const lists = createTransferRepository(db)
  return {
    auth: metrics.meter(auth),
    sessions: createSessionService({ sessions }),
    users,
    /** What is to be done now and then. */
    tidying: { sessions: sessions.deleteExpired, networks: repository.sweepNetworks, failures: failures.sweep },
    accounts: createUserAdminService({ accounts: createUserAdminRepository(db) }),
    account: createAccountService({
      users,
      accounts: createAccountRepository(db),
      kept: (userId, list) => listRows(lists, userId, list),
      confirmPassword: auth.confirmPassword,
    }),
  }
}
