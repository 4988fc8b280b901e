import { lookup } from 'node:dns/promises'
import type { LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'

export interface Address {
  address: string
  family: number
}

/** All addresses of a host. */
export type Resolve = (host: string) => Promise<Address[]>

const resolveByDns: Resolve = (host) => lookup(host, { all: true })

/** An address of the internet at large: none of a local network, of this machine, of a tunnel to one, or set apart. */
export function isPublicAddress(text: string): boolean {
  // An IPv6 address that holds one of IPv4 is what that is.
  return ipaddr.isValid(text) && ipaddr.process(text).range() === 'unicast'
}

export class PrivateAddress extends Error {
  readonly code = 'ERR_PRIVATE_ADDRESS'
}

/**
 * A look-up for connections: what it has checked is what is connected to, whatever the name leads to a moment later. A host
 * with one address that is not public is refused, as nobody can mean it.
 */
export function createPublicLookup({
  resolve = resolveByDns,
  isAllowed = isPublicAddress,
}: {
  resolve?: Resolve | undefined
  isAllowed?: ((address: string) => boolean) | undefined
} = {}): LookupFunction {
  return (host, { all }, callback) => {
    resolve(host).then(
      (found) => {
        const [first] = found
        if (!first || !found.every(({ address }) => isAllowed(address))) {
          return callback(new PrivateAddress(`${host} has no address, or one that is not public`), '')
        }
        return all ? callback(null, found) : callback(null, first.address, first.family)
      },
      (error) => callback(error, ''),
    )
  }
}
