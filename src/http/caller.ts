import { networkOf } from '../text/networks.ts'

interface UserRequest {
  user: { id: number }
  readonly ip: string | undefined
}

/** The user that a call of Kinopoisk is charged to. The network is read only then: most requests cost no call. */
export function callerOf(request: UserRequest) {
  return {
    userId: request.user.id,
    get network() {
      // A connection that is gone has no address.
      return networkOf(request.ip ?? '')
    },
  }
}
