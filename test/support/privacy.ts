import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'

/** What no log may hold, whoever it belongs to. */
const forms = {
  'an e-mail': /[\w.+-]+@[\w-]+(?:\.[\w-]+)+/,
  'a phone': /\+\d{10,15}|(?<![\w.-])0\d{9}(?![\w.-])/,
  'an access token': /eyJ[\w-]{8,}\.[\w-]+\.[\w-]+/,
  'a refresh token': /[\da-f-]{36}\.\d+(?:\.\d+)?\.[\w-]{43}/,
  'a password hash': /\$argon2/,
  'an authorization': /\b(?:bearer|basic) [\w+/=.-]{8,}/i,
}

// Shorter ones are words that a log has by rights.
const shortest = 10

/** What is in `log` that must not be: one line for each kind. */
export function leaksIn(log: string, secrets: Iterable<string> = []): string[] {
  const told = Object.entries(forms).map(([what, form]) => [what, form.exec(log)?.index ?? -1] as const)
  const known = [...secrets].map((secret) => ['a secret', log.indexOf(secret)] as const)
  return [...told, ...known]
    .filter(([, at]) => at >= 0)
    .map(([what, at]) => `${what}: …${log.slice(Math.max(0, at - 60), at + 60)}…`)
}

/** @throws when the log of a test's service holds what no log may hold */
export function refuseLeaks(log: string, secrets?: Iterable<string>): void {
  const leaks = leaksIn(log, secrets)
  if (leaks.length > 0) throw new Error(`The log tells what it must not:\n${leaks.join('\n')}`)
}

/** Passwords and tokens that go through `app.inject` from now on, either way. */
export function overhear(app: FastifyInstance, secrets: Set<string>): void {
  const inject = app.inject.bind(app) as (options: InjectOptions | string) => Promise<LightMyRequestResponse>
  const overheard = async (options: InjectOptions | string) => {
    const response = await inject(options)
    const payload = typeof options === 'string' ? undefined : options.payload
    for (const value of [payload, response.body]) collect(parsed(value), secrets)
    return response
  }
  Object.assign(app, { inject: overheard })
}

/** The values of the environment that are secret by their names. */
export function secretsOf(env: Record<string, string>): string[] {
  return Object.entries(env)
    .filter(([name, value]) => /SECRET|TOKEN|KEY|PASSWORD/.test(name) && value.length >= shortest)
    .map(([, value]) => value)
}

function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    return value.length < 10_000 ? Object.fromEntries(new URLSearchParams(value)) : undefined
  }
}

function collect(value: unknown, secrets: Set<string>): void {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return
  for (const [name, member] of Object.entries(value)) {
    if (typeof member !== 'string') continue
    if (/password|token$|^key$/.test(name) && member.trim().length >= shortest) secrets.add(member)
  }
}
