interface Reply {
  header(name: string, value: string): Reply
}

/** Age (RFC 9111) and Cache-Status (RFC 9211) of a result. */
export function setCacheHeaders(reply: Reply, result: { ageSeconds: number; cacheStatus: string }): void {
  reply.header('age', String(result.ageSeconds)).header('cache-status', result.cacheStatus)
}
