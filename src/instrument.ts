import type { ErrorEvent, EventHint } from '@sentry/node'
import packageJson from '../package.json' with { type: 'json' }
import { readEnvironment } from './config/config.ts'
import { isSentryDsn } from './config/readers.ts'
import { driverError, isQueryError } from './db/errors.ts'
import { withoutKeys } from './text/api-key.ts'

// Loaded by `node --import` before all else, as Sentry requires. Without SENTRY_DSN the SDK is not even loaded.
const dsn = sentryDsn()
const sentry = isSentryDsn(dsn) ? await import('@sentry/node') : undefined
sentry?.init({
  dsn,
  release: `${packageJson.name}@${packageJson.version}`,
  // The SDK's own choice would send bodies (passwords), headers, addresses and local variables.
  defaultIntegrations: false,
  integrations: [
    sentry.linkedErrorsIntegration(),
    sentry.contextLinesIntegration(),
    sentry.onUncaughtExceptionIntegration(),
    sentry.onUnhandledRejectionIntegration({ mode: 'none' }),
  ],
  beforeSend: withoutParameters,
})

/** Sends an internal error to Sentry, with the request's id and nothing of the person. False where there is no Sentry. */
export function report(error: unknown, context: { requestId: string }): boolean {
  sentry?.captureException(error, { tags: { request_id: context.requestId } })
  return sentry !== undefined
}

export async function flushReports(): Promise<void> {
  await sentry?.close(1000)
}

/** Empty where the environment can't be read: server.ts reads it too, and says so. */
function sentryDsn(): string {
  try {
    return readEnvironment().SENTRY_DSN?.trim() ?? ''
  } catch {
    return ''
  }
}

/** Drizzle's message ends with the statement's parameters: a login, a hash. PostgreSQL's of class 22 quote a value. */
function withoutParameters(event: ErrorEvent, { originalException: error }: EventHint): ErrorEvent {
  const quotes = isQueryError(error) && driverError(error).code?.startsWith('22')
  for (const exception of event.exception?.values ?? []) {
    if (quotes) exception.value = 'a value does not fit'
    exception.value &&= withoutKeys(exception.value.replace(/\nparams: .*/s, ''))
  }
  return event
}
