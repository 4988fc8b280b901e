import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testApp, testUser } from '../support/app.ts'
import { type Catalogue, catalogue } from '../support/films.ts'
import { form } from '../support/lists.ts'
import { photo, picture } from '../support/pictures.ts'
import { cleanUp, freshFolder, repository, runNode, until } from '../support/process.ts'
import { speak } from '../support/raw.ts'

type Line = Record<string, unknown> & { level: number; request_id?: string; msg: string }

const linesOf = (log: string): Line[] =>
  log
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))

describe('The log of typical traffic', () => {
  const secrets = {
    email: 'secret.person@example.org',
    phone: '+380501234567',
    password: 'a-secret passphrase 77',
    next: 'another-secret passphrase 78',
    query: 'тайный-запрос',
    name: 'Hidden\r\nlevel=50 {"level":60}',
  }
  let service: Catalogue
  let lines: Line[]
  /** What was asked, by request id: what its line must say. */
  const expected = new Map<string, Record<string, unknown>>()
  const seen: string[] = []

  beforeAll(async () => {
    service = await catalogue({}, { LOG_LEVEL: 'debug' })
    const { app, admin, reader } = service
    let headers: Record<string, string> = {}
    const say = async (call: typeof admin, options: Parameters<typeof admin>[0], line: Record<string, unknown>) => {
      const id = `log-${expected.size + 1}`
      expected.set(id, line)
      const answer = await call({ ...options, headers: { ...headers, ...options.headers, 'x-request-id': id } })
      expect(answer.statusCode, answer.body).toBe(line.status)
      return answer
    }
    const anyone: typeof admin = (options) => app.inject(options)
    const { email, phone, password, next, query, name } = secrets

    await say(
      anyone,
      { method: 'POST', url: '/register', payload: { login: email, password, name } },
      { status: 201, event: 'register', outcome: 'ok' },
    )
    await say(
      anyone,
      { method: 'POST', url: '/register', payload: { login: email, password } },
      { status: 409, event: 'register', outcome: 'refused', code: 'login_taken' },
    )
    await say(
      anyone,
      { method: 'POST', url: '/register', payload: { phone, password } },
      { status: 201, event: 'register', outcome: 'ok' },
    )
    await say(
      anyone,
      { method: 'POST', url: '/login', payload: { login: phone, password: next } },
      { status: 401, event: 'login', outcome: 'refused', status_class: '4xx' },
    )
    const pair = (
      await say(
        anyone,
        { method: 'POST', url: '/login', payload: { login: email, password } },
        { status: 200, event: 'login', outcome: 'ok' },
      )
    ).json()
    const fresh = (
      await say(
        anyone,
        {
          method: 'PUT',
          url: '/auth/login',
          payload: { access_token: pair.access_token, refresh_token: pair.refresh_token },
        },
        { status: 200, event: 'refresh', outcome: 'ok' },
      )
    ).json()
    seen.push(pair.access_token, pair.refresh_token, fresh.access_token, fresh.refresh_token)
    headers = { authorization: `Bearer ${fresh.access_token}` }
    await say(
      anyone,
      { method: 'PATCH', url: '/user', payload: { name: 'Somebody\nElse' } },
      { status: 200, event: 'change', outcome: 'ok' },
    )
    await say(
      anyone,
      { method: 'PUT', url: '/user/password', payload: { old_password: password, new_password: next } },
      { status: 204, event: 'change', operation: 'changePassword' },
    )
    await say(
      anyone,
      { method: 'GET', url: `/movies/search?query=${encodeURIComponent(query)}` },
      { status: 200, operation: 'searchMovies' },
    )
    await say(
      anyone,
      { method: 'GET', url: `/user?email=${email}&access_token=${pair.access_token}` },
      { status: 400, operation: 'getProfile' },
    )
    await say(
      anyone,
      { method: 'POST', url: '/movies/favorites', payload: { kinopoisk_id: 301 } },
      { status: 201, event: 'create', outcome: 'ok', resource: '301' },
    )
    await say(
      anyone,
      { method: 'POST', url: '/favorites/movies/301' },
      { status: 200, event: 'create', outcome: 'unchanged', resource: '301' },
    )
    await say(
      anyone,
      { method: 'PUT', url: '/films/301/rating', payload: { value: 9 } },
      { status: 201, event: 'change', outcome: 'ok', resource: '301' },
    )
    await say(
      anyone,
      { method: 'DELETE', url: '/movies/favorites/301' },
      { status: 204, event: 'delete', outcome: 'ok', resource: '301' },
    )
    await say(anyone, { method: 'GET', url: '/user/lists.csv' }, { status: 200, event: 'export', outcome: 'ok' })
    await say(
      anyone,
      { method: 'POST', url: '/user/lists/import', ...form(`list,film_id,title\nwishlist,301,${name}\n`) },
      { status: 200, event: 'import', outcome: 'ok' },
    )
    await say(anyone, { method: 'POST', url: '/logout' }, { status: 204, event: 'logout', outcome: 'ok' })
    await say(anyone, { method: 'GET', url: '/user' }, { status: 401, operation: 'getProfile', code: 'invalid_token' })
    headers = {}
    const made = await say(
      admin,
      { method: 'POST', url: '/films', payload: service.film({ name: 'Film\r\n{"level":60,"msg":"forged"}' }) },
      { status: 201, event: 'create', outcome: 'ok' },
    )
    const film = `/films/${made.json().id}`
    expected.set(`log-${expected.size}`, { ...expected.get(`log-${expected.size}`), resource: String(made.json().id) })
    await say(
      admin,
      { method: 'PATCH', url: film, payload: { year: 1999 } },
      { status: 200, event: 'change', outcome: 'ok', resource: String(made.json().id) },
    )
    await say(reader, { method: 'DELETE', url: film }, { status: 403, event: 'delete', outcome: 'refused' })
    await say(
      admin,
      { method: 'DELETE', url: film },
      { status: 204, event: 'delete', outcome: 'ok', operation: 'deleteFilm' },
    )
    await say(
      admin,
      { method: 'POST', url: '/films/import', ...form('name,genre,director,rate,year,minutes\n') },
      { status: 200, event: 'import', outcome: 'ok' },
    )
    await say(reader, { method: 'GET', url: '/films/export.csv' }, { status: 200, event: 'export', outcome: 'ok' })
    await say(
      admin,
      { method: 'PUT', url: `/directors/${service.directorId}/photo`, ...photo(await picture('png')) },
      { status: 200, event: 'change', outcome: 'ok', resource: String(service.directorId) },
    )
    await say(
      reader,
      { method: 'GET', url: '/films?limit=20' },
      { status: 200, operation: 'listFilms', route: '/films' },
    )
    await say(
      anyone,
      { method: 'GET', url: `/nothing/${email}` },
      { status: 404, route: 'unmatched', code: 'not_found' },
    )
    await say(
      anyone,
      { method: 'GET', url: `/%ff?phone=${encodeURIComponent(phone)}` },
      { status: 400, route: 'unmatched', code: 'bad_request' },
    )
    await say(anyone, { method: 'GET', url: `/problems/${'x'.repeat(300)}` }, { status: 400, code: 'bad_request' })
    await say(anyone, { method: 'DELETE', url: '/livez' }, { status: 405, code: 'method_not_allowed' })
    await say(anyone, { method: 'GET', url: '/livez' }, { status: 200, level: 20 })
    await say(
      anyone,
      {
        method: 'POST',
        url: '/login',
        payload: `{"login": "${email}"`,
        headers: { 'content-type': 'application/json' },
      },
      { status: 400, code: 'malformed_json' },
    )
    await app.database.sql`alter table users drop column surname`
    await say(
      reader,
      { method: 'PATCH', url: '/user', payload: { surname: email } },
      { status: 500, event: 'change', outcome: 'failed', status_class: '5xx', code: 'internal_error' },
    )
    const last = `log-${expected.size}`
    await until(() => linesOf(service.log()).some((line) => line.request_id === last && line.msg === 'request'))
    lines = linesOf(service.log())
  })
  afterAll(() => service.close())

  test('has exactly one line for each request, which says what it was and how it ended', () => {
    expect(expected.size).toBeGreaterThan(30)
    for (const [id, line] of expected) {
      const own = lines.filter((each) => each.request_id === id && each.msg === 'request')
      expect(own, id).toHaveLength(1)
      expect(own[0], id).toMatchObject({ method: expect.any(String), duration_ms: expect.any(Number), ...line })
      expect(own[0]?.status_class, id).toBe(`${Math.floor(Number(line.status) / 100)}xx`)
      expect(String(own[0]?.time), id).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    }
  })

  test('names the user by id, wherever a token was good', async () => {
    const [row] = await service.app.database.sql`select id from users where login = ${secrets.email}`
    const of = (operation: string) => lines.find((line) => line.operation === operation && line.status !== 401)
    for (const operation of ['updateProfile', 'changePassword', 'addToFavorites', 'exportLists', 'logoutAlias']) {
      expect(of(operation)?.user_id, operation).toBe(row?.id)
    }
    expect(of('loginAlias')?.user_id).toBeUndefined()
  })

  test('has an event for every operation that is not a mere reading, and for no other', () => {
    for (const line of lines.filter((each) => each.msg === 'request' && each.operation)) {
      const changes = !['GET', 'HEAD'].includes(String(line.method)) || String(line.operation).startsWith('export')
      expect(typeof line.event, String(line.operation)).toBe(changes ? 'string' : 'undefined')
      expect(typeof line.outcome).toBe(typeof line.event)
    }
  })

  test('tells a fault of ours once more, with its cause and stack', () => {
    const errors = lines.filter((line) => line.level >= 50)
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatchObject({
      request_id: `log-${expected.size}`,
      code: 'internal_error',
      err: {
        message: 'column "surname" does not exist',
        code: '42703',
        stack: expect.stringMatching(/\n.*modules\/users\/repository\.ts/),
      },
    })
  })

  test('has nothing that is secret: no login, no password, no token, no name, no searched word', () => {
    const text = service.log()
    for (const secret of [...Object.values(secrets), ...seen]) {
      for (const form of [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]) {
        expect(text, form).not.toContain(form)
      }
    }
    expect(text.match(/Hidden|Somebody|forged|argon2|Bearer|eyJ|501234567|secret/i)).toBeNull()
    expect(lines.filter((line) => line.level >= 60)).toEqual([])
  })
})

describe('The line of a request', () => {
  test('that never became HTTP is there too, and so is that of a client that went away', async () => {
    const { app, log, close } = await testApp()
    const address = await app.listen({ port: 0 })
    await speak(address, 'garbage\r\n\r\n')
    await expect.poll(() => linesOf(log()).filter((line) => line.msg === 'not HTTP')).toHaveLength(1)
    const headers = { 'content-type': 'application/json', 'content-length': '10', 'x-request-id': 'gone' }
    const request = httpRequest(`${address}/login`, { method: 'POST', headers })
    request.on('error', () => {})
    request.flushHeaders()
    await expect.poll(() => app.exchanges.inFlight).toBe(1)
    request.destroy()
    const gone = () => linesOf(log()).filter((line) => line.request_id === 'gone' && line.msg === 'request')
    await expect.poll(gone).toHaveLength(1)
    expect(gone()[0]).toMatchObject({ status: 499, aborted: true, event: 'login', outcome: 'aborted' })
    await close()
  })

  test('of an answer that breaks off when its status is sent says so, and the cause is told once', async () => {
    const { app, log, close } = await testApp()
    const { headers } = await testUser(app)
    await app.database.sql`alter table ratings drop column value`
    const address = await app.listen({ port: 0 })
    const broken = fetch(`${address}/user/lists.csv`, { headers: { ...headers, 'x-request-id': 'cut' } })
    const text = await broken.then((answer) => answer.text()).catch(() => 'cut')
    const own = () => linesOf(log()).filter((line) => line.request_id === 'cut')
    await expect.poll(() => own().filter((line) => line.msg === 'request')).toHaveLength(1)
    expect(own().filter((line) => line.level === 50)).toHaveLength(1)
    expect(own().find((line) => line.level === 50)).toMatchObject({ err: { code: '42703' } })
    expect(own().find((line) => line.msg === 'request')?.outcome).toMatch(text === 'cut' ? 'aborted' : 'failed')
    await close()
  })
})

describe('The form of the log', () => {
  afterAll(cleanUp)

  test('is one JSON object in a line, whatever stands in it, where nobody looks at a terminal', async () => {
    const folder = await freshFolder()
    const code = `import { pino } from 'pino'
      import { loggerOptions } from '${repository}/src/plugins/logging.ts'
      const { loggerInstance: log } = loggerOptions('info')
      log.info({ name: 'two\\r\\nlines', password: 'hunter2', user: { email: 'a@b' }, err: new Error('a\\nb') }, 'x\\ny')`
    const run = runNode(['--input-type=module', '-e', code], { cwd: repository, env: { HOME: folder } })
    expect(await run.ended()).toBe(0)
    expect(run.stdout().trimEnd().split('\n')).toHaveLength(1)
    expect(JSON.parse(run.stdout())).toMatchObject({ name: 'two\r\nlines', password: '[Redacted]', msg: 'x\ny' })
    expect(run.stdout()).not.toMatch(/hunter2|a@b/)
  })

  test.each([
    ['ends by itself', '', 0],
    ['is ended', 'process.exit(3)', 3],
    ['fails', 'throw new Error("x")', 1],
    ['fails later', 'setTimeout(() => { throw new Error("x") }, 1)', 1],
    [
      'is told to stop',
      'process.on("SIGTERM", () => process.exit()).kill(process.pid, "SIGTERM"); setInterval(() => {}, 9)',
      0,
    ],
    [
      'is killed right after it said that something failed',
      'log.error("last"); process.kill(process.pid, "SIGKILL")',
      'SIGKILL',
    ],
  ])('is whole when the process %s', { tags: 'slow' }, async (_how, end, code) => {
    const start = `import { loggerOptions } from '${repository}/src/plugins/logging.ts'
      const { loggerInstance: log } = loggerOptions('info')
      for (let i = 1; i <= 5000; i++) log.info({ i, text: 'x'.repeat(100) }, 'line')
      ${end}`
    const run = runNode(['--input-type=module', '-e', start])
    expect(await run.ended()).toBe(code)
    const lines = linesOf(run.stdout())
    expect(lines.filter(({ msg }) => msg === 'line').map(({ i }) => i)).toEqual(
      Array.from({ length: 5000 }, (_, i) => i + 1),
    )
    expect(lines.filter(({ msg }) => msg === 'last')).toHaveLength(code === 'SIGKILL' ? 1 : 0)
  })

  test('keeps nothing back for longer than a moment', async () => {
    const code = `import { loggerOptions } from '${repository}/src/plugins/logging.ts'
      loggerOptions('info').loggerInstance.info('now')
      setInterval(() => {}, 1000)`
    const run = runNode(['--input-type=module', '-e', code])
    await run.printed(/"msg":"now"/)
    run.child.kill('SIGKILL')
    expect(await run.ended()).toBe('SIGKILL')
  })
})
