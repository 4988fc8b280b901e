import type { Socket } from 'node:net'

export const uses = ['pool', 'probe', 'csv', 'changes', 'start'] as const
/** What a connection of this process is for. */
export type Use = (typeof uses)[number]

const open = new Map<Use, Set<Socket>>(uses.map((use) => [use, new Set()]))

/** Counts the socket until it closes. */
export function counted<T extends Socket>(socket: T, use: Use): T {
  const sockets = open.get(use)
  sockets?.add(socket)
  return socket.once('close', () => sockets?.delete(socket))
}

/** All connections of this process to the database, also those that are being made. */
export function openConnections(): Record<Use, number> {
  return Object.fromEntries(uses.map((use) => [use, open.get(use)?.size ?? 0])) as Record<Use, number>
}
