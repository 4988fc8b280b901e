import { networkOf } from '../text/networks.ts'

interface UserRequest {
  user: { id: number; key: { id: number } | null }
  readonly ip: string | undefined
}

/** The user that a call of Kinopoisk is charged to, and the key that was used. The network is read only then: most requests cost no call. */
export function callerOf(request: UserRequest) {
  return {
    userId: request.user.id,
    keyId: request.user.key?.id ?? null,
    get network() {
      // A connection that is gone has no address.
      return networkOf(request.ip ?? '')
    },
  }
}
