import { callerAt, networkOf } from '../text/networks.ts'

/** The name of a client without a user, for the shares of a semaphore. */
export function networkCaller(ip: string) {
  return callerAt(networkOf(ip))
}
