interface Answer {
  header(name: string, value: string): Answer
}

/** How the answer came: Age (RFC 9111) and Cache-Status (RFC 9211). */
export function tell(reply: Answer, told: { ageSeconds: number; cacheStatus: string }): void {
  reply.header('age', String(told.ageSeconds)).header('cache-status', told.cacheStatus)
}
