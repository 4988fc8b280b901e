interface Reply {
  header(name: string, value: string): Reply
}

interface PersonalReply<R> {
  getHeader(name: string): number | string | string[] | undefined
  header(name: string, value: string): R
}

/** Age (RFC 9111) and Cache-Status (RFC 9211) of a result. */
export function setCacheHeaders(reply: Reply, result: { ageSeconds: number; cacheStatus: string }): void {
  reply.header('age', String(result.ageSeconds)).header('cache-status', result.cacheStatus)
}

/** For a response that a user gets with what is the user's own, and others without: no shared cache stores the former. */
export function setPersonal<R extends PersonalReply<R>>(reply: R, userId: number | undefined): R {
  if (userId !== undefined) reply.header('cache-control', 'private, no-cache')
  return addVary(reply, 'authorization, x-api-key')
}

export function addVary<R extends PersonalReply<R>>(reply: R, names: string): R {
  const before = reply.getHeader('vary')
  return reply.header('vary', before === undefined ? names : `${before}, ${names}`)
}
