import { LRUCache } from 'lru-cache'
import { callerAt, isLoopback, networkOf, siteOf } from '../../text/networks.ts'
import type { Turn } from './passwords.ts'
import type { RefreshTokens } from './refresh-tokens.ts'
import type { Counted, Guard, Throttle } from './throttle.ts'

/** Where a request comes from. */
export interface Device {
  userAgent: string | undefined
  ip: string
  /** Aborted when its client has gone. */
  signal?: AbortSignal
}

interface Dependencies {
  throttle: Throttle
  refreshTokens: RefreshTokens
  /** Whether the loopback counts like other addresses: without a proxy that names its clients it stands for all of them. */
  countsLoopback: boolean
}

interface LoginAttempt {
  login: string
  /** The account, if there is one. */
  user: { id: number; is_known_network: boolean } | undefined
  /** A refresh token of an earlier session, ended or not. */
  proof: string | undefined
  device: Device
}

const maxFrequent = 10_000
const hourMs = 3_600_000

export type Attempts = ReturnType<typeof createAttempts>

/** Under what attempts are counted, and in which queue they wait for their hash. */
export function createAttempts({ throttle, refreshTokens, countsLoopback }: Dependencies) {
  // Networks from which very many have registered of late: known before the database is asked.
  const frequent = new LRUCache<string, true>({ max: maxFrequent, ttl: hourMs })

  /** Under the address, and under its site where that counts too. */
  function counted(network: string, by: Counted['by'], bySite?: Counted['by']): Counted[] {
    if (isLoopback(network) && !countsLoopback) return []
    const site = bySite && siteOf(network)
    return [{ by, of: [network] }, ...(site ? [{ by: bySite, of: [site] }] : [])]
  }

  /** What shows that the account was logged in to before: the session of a token, or the network. */
  function familiarity({ user, proof }: LoginAttempt, network: string): string[] | undefined {
    const token = proof === undefined ? undefined : refreshTokens.read(proof)
    if (user && token?.userId === user.id) return ['session', token.sessionId]
    return user?.is_known_network ? [network] : undefined
  }

  return {
    ofLogin(attempt: LoginAttempt): { guard: Guard; turn: Turn; clear(): Promise<void> } {
      const { login, user, device } = attempt
      const network = networkOf(device.ip)
      const familiar = familiarity(attempt, network)
      const own = throttle.guard([{ by: 'device', of: [login, ...(familiar ?? [network])] }])
      const { signal } = device
      if (user && familiar) return { guard: own, turn: { lane: 'known', caller: user.id, signal }, clear: own.passed }
      const guard = throttle.guard([{ by: 'account', of: [login] }, ...counted(network, 'address', 'site')])
      // The others go on counting: other accounts, or other networks, are in them.
      return { guard, turn: { lane: 'stranger', caller: callerAt(network), signal }, clear: own.passed }
    },

    /** With a token that an administrator has issued; wrong ones count. */
    ofReset({ ip, signal }: Pick<Device, 'ip' | 'signal'>): { guard: Guard; turn: Turn; network: string } {
      const network = networkOf(ip)
      const turn: Turn = { lane: 'stranger', caller: callerAt(network), signal }
      return { guard: throttle.guard(counted(network, 'reset')), turn, network }
    },

    /** Each attempt counts, also one that makes an account; those that find a login taken count once more. */
    ofRegistration({ ip, signal }: Device) {
      const network = networkOf(ip)
      const all = counted(network, 'address_registrations', 'site_registrations')
      const failed = counted(network, 'registration')
      const guard = throttle.guard([...all, ...failed])
      return {
        turn: { lane: 'registration', caller: callerAt(network), last: frequent.has(network), signal } satisfies Turn,
        /** When its turn has come: an address that is refused, or still waits, costs no query. @throws {AppError} too_many_requests */
        async check() {
          const checked = await guard.check()
          if (checked.isFrequent) frequent.set(network, true)
          else frequent.delete(network)
          await throttle.guard(all).count()
          return checked
        },
        countFailed: throttle.guard(failed).count,
      }
    },
  }
}
