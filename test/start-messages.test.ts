import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { DrizzleQueryError } from 'drizzle-orm'
import postgres from 'postgres'
import { afterEach, describe, expect, test } from 'vitest'
import { ConfigError, loadConfig, readEnvironment } from '../src/config/config.ts'
import { AppError } from '../src/errors.ts'
import { flushReports, report } from '../src/instrument.ts'
import { loggerOptions } from '../src/plugins/logging.ts'
import { explain, passwordLine, reason, startBanner, trace } from '../src/start-messages.ts'
import { forPeople } from '../src/terminal.ts'

/** As drizzle wraps what the driver says. */
function queryError(): Error {
  const cause = Object.assign(new postgres.PostgresError('value hunter2 is too long' as never), { code: '22001' })
  return new DrizzleQueryError('insert into users values ($1)', ['hunter2'], cause)
}

const nodeError = (code: string, syscall: string) => Object.assign(new Error(`${syscall} ${code}`), { code, syscall })

describe('A start that fails', () => {
  test('says all faults of the configuration as they are', () => {
    expect(explain(new ConfigError(['PORT must be a number', 'HOST is empty']))).toBe(
      'The configuration is wrong:\n  - PORT must be a number\n  - HOST is empty',
    )
  })

  test.each([
    ['EADDRINUSE', 'listen', 'another program listens there, set PORT to another one'],
    ['EACCES', 'listen', 'this account may not listen there, set PORT to 1024 or above'],
    ['EADDRNOTAVAIL', 'listen', 'this machine has no such address, set HOST to one of its own'],
    ['ENOTFOUND', 'getaddrinfo', 'nobody knows such a host, set HOST to an address of this machine'],
    ['EAI_AGAIN', 'getaddrinfo', 'no such host is found now, set HOST to an address of this machine'],
  ])('by %s of %s says what to do', (code, syscall, advice) => {
    expect(explain(nodeError(code, syscall))).toBe(`${syscall} ${code}: ${advice}`)
  })

  test('gives no advice on listening for the same code of something else', () => {
    expect(explain(nodeError('EACCES', 'open'))).toBe('open EACCES')
  })

  test('names the variable by which a login came', () => {
    const error = new AppError('invalid_input', { detail: 'body.login must be a login' })
    expect(explain(error)).toBe('The configuration is wrong:\n  - ADMIN_LOGIN must be a login')
  })

  test('shows the stack of what nobody foresaw, and never a value of a statement', () => {
    expect(explain(new TypeError('x is not a function'))).toMatch(/^TypeError: x is not a function\n +at /)
    expect(explain(new Error('The disk is full'))).toBe('The disk is full')
    for (const text of [explain(queryError()), trace(queryError()), reason(queryError())]) {
      expect(text).not.toContain('hunter2')
    }
    expect(trace(Object.assign(new Error('bare'), { stack: undefined }))).toBe('Error: bare')
  })

  test('names every address that a host has', () => {
    const error = new AggregateError([
      new Error('connect ECONNREFUSED ::1:5432'),
      new Error('connect ECONNREFUSED 127.0.0.1:5432'),
    ])
    expect(reason(error)).toBe('connect ECONNREFUSED ::1:5432, connect ECONNREFUSED 127.0.0.1:5432')
  })
})

describe('A start that succeeds', () => {
  const rows = (env: Record<string, string>, isSandbox: boolean, password?: string) => {
    const lines = stripVTControlCharacters(
      startBanner('http://127.0.0.1:3000', loadConfig(env), isSandbox, password),
    ).split('\n')
    return lines.map((line) => line.trim().split(/ {2,}/)[0]).filter(Boolean)
  }

  test('shows a new password once, and what is embedded', () => {
    const config = loadConfig({})
    const text = stripVTControlCharacters(startBanner('http://127.0.0.1:3000', config, true, 'a-new-password'))
    expect(text).toContain('login admin, password a-new-password (shown only now)')
    expect(text).toContain('http://127.0.0.1:3000/docs')
    expect(rows({}, true)).toEqual([
      'Kinoteka is ready',
      'address',
      'documentation',
      'administrator',
      'database',
      'Kinopoisk',
      'next',
    ])
  })

  test('shows nothing of what is not embedded', () => {
    const env = { DATABASE_URL: 'postgres://app@db/films', JWT_SECRET: 'x'.repeat(32) }
    expect(rows(env, false)).toEqual(['Kinoteka is ready', 'address', 'documentation', 'next'])
  })

  test('writes a password where no terminal is as one line of JSON', () => {
    expect(JSON.parse(passwordLine('a-new-password'))).toMatchObject({
      level: 40,
      login: 'admin',
      password: 'a-new-password',
    })
  })
})

describe('The log in a terminal', () => {
  test('has one line for a request, the stack of an error, and no text that steers the terminal', async () => {
    let shown = ''
    const out = new PassThrough().on('data', (chunk) => {
      shown += chunk
    })
    const { loggerInstance: log } = loggerOptions('debug', forPeople(out)) as { loggerInstance: import('pino').Logger }
    const request = { request_id: 'x', method: 'GET', route: '/films/:id', duration_ms: 3.6, password: 'hunter2' }
    log.info({ ...request, status: 200 }, 'request')
    log.debug({ ...request, status: 404, code: 'not_found' }, 'request')
    log.info({ ...request, status: 499, aborted: true }, 'request')
    log.warn({ reason: 'it is\u001b[2J slow', password: 'hunter2' }, 'beware\u001b[2J')
    log.error({ err: new Error('broken') }, 'failed')
    out.end()
    await once(out, 'end')
    const text = stripVTControlCharacters(shown)
    const lines = text.replaceAll(/^\d\d:\d\d:\d\d /gm, '').split('\n')
    expect(lines.slice(0, 6)).toEqual([
      'GET /films/:id 200 4 ms',
      'DEBUG GET /films/:id 404 4 ms not_found',
      'GET /films/:id 499 4 ms the client went away',
      'WARN beware[2J reason="it is\\u001b[2J slow" password="[Redacted]"',
      'ERROR failed',
      '    Error: broken',
    ])
    expect(lines[6]).toMatch(/^ {8}at /)
    expect(text).not.toMatch(/hunter2|(?!\n)\p{Cc}/u)
  })
})

describe('The environment', () => {
  const before = process.cwd()
  let folder: string | undefined
  afterEach(async () => {
    process.chdir(before)
    delete process.env.KINOTEKA_OF_A_FILE
    if (folder) await rm(folder, { recursive: true })
  })
  const enter = async () => {
    folder = await mkdtemp(join(tmpdir(), 'kinoteka-env-'))
    process.chdir(folder)
    return join(folder, '.env')
  }

  test('is that of the process where there is no .env, else with it', async () => {
    const path = await enter()
    expect(readEnvironment().KINOTEKA_OF_A_FILE).toBeUndefined()
    await writeFile(path, 'KINOTEKA_OF_A_FILE=1\n')
    expect(readEnvironment().KINOTEKA_OF_A_FILE).toBe('1')
  })

  test('is a fault where .env cannot be read', async () => {
    await mkdir(await enter())
    expect(readEnvironment).toThrow('.env cannot be read (EISDIR)')
  })
})

test('Without SENTRY_DSN nothing is reported, and the end does not wait', async () => {
  expect(report(new Error('x'), { requestId: 'x' })).toBe(false)
  await flushReports()
})
