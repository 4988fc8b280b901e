import { hostname } from 'node:os'
import { type Config, ConfigError } from './config/config.ts'
import { isQueryError, withoutValues } from './db/errors.ts'
import { banner, highlighted } from './terminal.ts'

/** Of the form of the log, but not through it: no log level hides it, and no other stream of the log gets it. */
export function passwordLine(password: string): string {
  const line = { level: 40, time: new Date().toISOString(), pid: process.pid, hostname: hostname() }
  return JSON.stringify({ ...line, login: 'admin', password, msg: 'First administrator: shown only now' })
}

/** Where everything is, and what comes next. `password`: of an administrator made just now. */
export function startBanner(address: string, config: Config, isSandbox: boolean, password: string | undefined): string {
  const embedded = !config.databaseUrl
  return banner('Kinoteka is ready', {
    address,
    documentation: `${address}/docs`,
    administrator: password
      ? `login ${highlighted('admin')}, password ${highlighted(password)} (shown only now)`
      : embedded && !config.admin.login && 'as before; npm run admin -- LOGIN makes one more',
    database: embedded && `embedded PostgreSQL in ${config.dataDir}; DATABASE_URL: one of your own`,
    Kinopoisk: isSandbox && 'a small built-in copy; KINOPOISK_API_KEY: the real one',
    next: 'the five-minute tour in README.md; Ctrl-C stops the service',
  })
}

const listenAdvice: Record<string, string> = {
  EADDRINUSE: 'another program listens there, set PORT to another one',
  EACCES: 'this account may not listen there, set PORT to 1024 or above',
  EADDRNOTAVAIL: 'this machine has no such address, set HOST to one of its own',
  ENOTFOUND: 'nobody knows such a host, set HOST to an address of this machine',
  EAI_AGAIN: 'no such host is found now, set HOST to an address of this machine',
}

/** What the operator can act on; the stack only for unexpected errors. */
export function explain(error: unknown): string {
  if (error instanceof ConfigError) return error.message
  const { code, message } = isQueryError(error) ? withoutValues(error) : (error as NodeJS.ErrnoException)
  const { syscall = '' } = error as NodeJS.ErrnoException
  // The first administrator's login is read as one from a request is.
  if (code === 'invalid_input') return new ConfigError([message.replace(/^body\.login/, 'ADMIN_LOGIN')]).message
  const advice = ['listen', 'getaddrinfo'].includes(syscall) && listenAdvice[code ?? '']
  if (advice) return `${message}: ${advice}`
  const { name } = error as Error
  // Node gives a file that it can't read a code, too.
  const foreseen = name === 'Error' || (code !== undefined && name !== 'SyntaxError')
  return foreseen ? message : trace(error)
}

/** Of an error of a query no value. */
export function trace(error: unknown): string {
  const { stack } = isQueryError(error) ? withoutValues(error) : (error as Error)
  return stack ?? String(error)
}

/** Node's error for a name with several addresses has no message of its own. */
export function reason(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map((each: Error) => each.message).join(', ')
  return (isQueryError(error) ? withoutValues(error) : error).message
}
