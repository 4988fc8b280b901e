import { isIP } from 'node:net'

/** What counts as one address: an IPv4 address, or the /64 of an IPv6 address, since that is what one customer gets. */
export function networkOf(ip: string): string {
  const [address = ''] = ip.split('%', 1)
  const version = isIP(address)
  if (version === 0) return 'unknown'
  if (version === 4) return address
  const groups = groupsOf(address)
  if (groups.slice(0, 6).join(':') === '0:0:0:0:0:ffff') return mapped(groups)
  return `${groups.slice(0, 4).join(':')}::/64`
}

/** The /48 around a /64, since that is what one site gets; undefined for IPv4. */
export function siteOf(network: string): string | undefined {
  return network.endsWith('::/64') ? `${network.split(':', 3).join(':')}::/48` : undefined
}

/** Under which name a network has its share of what is limited: behind its site, whose share it is too. */
export function callerAt(network: string): string | readonly [site: string, network: string] {
  const site = siteOf(network)
  return site === undefined ? network : [site, network]
}

/** The machine itself: a proxy, or a front that renders on its server, speaks for all its users from there. */
export function isLoopback(network: string): boolean {
  return network.startsWith('127.') || network === '0:0:0:0::/64'
}

/** The eight groups of an IPv6 address, without leading zeros. */
function groupsOf(address: string): string[] {
  // A URL has the one canonical form, whatever the spelling.
  const [head = '', tail = ''] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const [first, last] = [head, tail].map((part) => (part === '' ? [] : part.split(':'))) as [string[], string[]]
  return [...first, ...Array<string>(8 - first.length - last.length).fill('0'), ...last]
}

/** The IPv4 address inside of an IPv6 one. */
function mapped(groups: string[]): string {
  return groups
    .slice(6)
    .flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255])
    .join('.')
}
