import packageJson from '../package.json' with { type: 'json' }
import { readEnvironment } from './config.ts'

// Loaded by `node --import` before all else, as Sentry asks. Without SENTRY_DSN the SDK is not even loaded.
const { SENTRY_DSN: dsn } = readEnvironment()
const sentry = dsn ? await import('@sentry/node') : undefined
sentry?.init({ dsn: dsn ?? '', release: packageJson.version })

/** Sends an internal error to Sentry, with the request's id and nothing of the person. */
export function report(error: unknown, context: { requestId: string }): void {
  sentry?.captureException(error, { tags: { request_id: context.requestId } })
}

export async function flushReports(): Promise<void> {
  await sentry?.close(2000)
}
