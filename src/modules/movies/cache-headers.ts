interface Reply {
  header(name: string, value: string): Reply
}

/** How the answer came: Age (RFC 9111) and Cache-Status (RFC 9211). */
export function setCacheHeaders(reply: Reply, result: { ageSeconds: number; cacheStatus: string }): void {
  reply.header('age', String(result.ageSeconds)).header('cache-status', result.cacheStatus)
}
