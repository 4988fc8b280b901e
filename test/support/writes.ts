import { randomBytes } from 'node:crypto'
import type { InjectOptions } from 'fastify'
import { password, type TestUser, testAdmin, testUser } from './app.ts'
import type { Catalogue } from './films.ts'
import { form as csvForm } from './lists.ts'
import { photo, picture } from './pictures.ts'

/** A request that changes something, and what identifies its sender. */
export interface Write {
  by?: TestUser
  request: InjectOptions
}

type Make = (service: Catalogue) => Promise<Write>

const name = () => `name-${randomBytes(5).toString('hex')}`
const csvOfLists = 'list,film_id,title,rating\r\nfavorites,301,,\r\nratings,301,,8\r\n'

/** Every operation that changes something, as a client sends it once, over rows of its own. */
export const writes: Record<string, Make> = {
  'POST /auth/register': register('/auth/register'),
  'POST /register': register('/register'),
  'POST /auth/login': login('/auth/login'),
  'POST /login': login('/login'),
  'PUT /auth/login': byUser(({ tokens }) => ({ method: 'PUT', url: '/auth/login', payload: tokens })),
  'POST /auth/logout': byUser(() => ({ method: 'POST', url: '/auth/logout' })),
  'POST /logout': byUser(() => ({ method: 'POST', url: '/logout' })),
  'DELETE /auth/sessions': byUser(() => ({ method: 'DELETE', url: '/auth/sessions' })),
  'DELETE /auth/sessions/{id}': otherSession,
  'PUT /user/password': byUser(() => ({ method: 'PUT', url: '/user/password', payload: newPassword() })),
  'POST /auth/reset': async (service) => {
    const { id } = await testUser(service.app)
    const { token } = (await service.admin({ method: 'POST', url: `/users/${id}/password-reset` })).json()
    const payload = { token, new_password: newPassword().new_password }
    return { request: { method: 'POST', url: '/auth/reset', payload } }
  },
  'POST /users/{id}/password-reset': byAdmin(async ({ app }) => ({
    method: 'POST',
    url: `/users/${(await testUser(app)).id}/password-reset`,
  })),

  'PATCH /user': byUser(() => ({ method: 'PATCH', url: '/user', payload: { age: 40 } })),
  'PATCH /profile': byUser(() => ({ method: 'PATCH', url: '/profile', payload: { age: 40 } })),
  'DELETE /user': byUser(() => ({ method: 'DELETE', url: '/user', payload: { password } })),
  'PATCH /users/{id}': byAdmin(async ({ app }) => ({
    method: 'PATCH',
    url: `/users/${(await testUser(app)).id}`,
    payload: { blocked: true },
  })),
  'POST /admin/kinopoisk/films/{id}/refresh': byAdmin(async () => ({
    method: 'POST',
    url: '/admin/kinopoisk/films/301/refresh',
  })),

  'DELETE /admin/kinopoisk/films/{id}': byAdmin(async ({ app }) => {
    const id = 302
    const { headers } = await testUser(app)
    await app.inject({ url: `/movies/${id}`, headers })
    return { method: 'DELETE', url: `/admin/kinopoisk/films/${id}` }
  }),

  'POST /user/keys': byUser(() => ({ method: 'POST', url: '/user/keys', payload: { name: name() } })),
  'PATCH /user/keys/{id}': ownKey('PATCH', { name: name() }),
  'DELETE /user/keys/{id}': ownKey('DELETE'),

  'POST /films': byAdmin(async ({ film }) => ({ method: 'POST', url: '/films', payload: film() })),
  'PATCH /films/{id}': byAdmin(async ({ add }) => ({
    method: 'PATCH',
    url: `/films/${(await add()).id}`,
    payload: { minutes: 90 },
  })),
  'DELETE /films/{id}': byAdmin(async ({ add }) => ({ method: 'DELETE', url: `/films/${(await add()).id}` })),
  'POST /films/import': byAdmin(async () => {
    const csv = `name,genre,director,rate,year,minutes\r\n${name()},драма,${name()},7,2000,100\r\n`
    return { method: 'POST', url: '/films/import', ...csvForm(csv) }
  }),

  'POST /genres': byAdmin(async () => ({ method: 'POST', url: '/genres', payload: { name: name() } })),
  'PATCH /genres/{id}': byAdmin(async (service) => ({
    method: 'PATCH',
    url: `/genres/${await genre(service)}`,
    payload: { name: name() },
  })),
  'DELETE /genres/{id}': byAdmin(async (service) => ({ method: 'DELETE', url: `/genres/${await genre(service)}` })),

  'POST /directors': byAdmin(async () => ({
    method: 'POST',
    url: '/directors',
    headers: { 'idempotency-key': name() },
    payload: { name: name() },
  })),
  'PATCH /directors/{id}': byAdmin(async (service) => ({
    method: 'PATCH',
    url: `/directors/${await director(service)}`,
    payload: { name: name() },
  })),
  'DELETE /directors/{id}': byAdmin(async (service) => ({
    method: 'DELETE',
    url: `/directors/${await director(service)}`,
  })),
  'PUT /directors/{id}/photo': byAdmin(async (service) => setPhoto(await director(service))),
  'DELETE /directors/{id}/photo': byAdmin(async (service) => {
    const id = await director(service)
    await service.admin(await setPhoto(id))
    return { method: 'DELETE', url: `/directors/${id}/photo` }
  }),

  ...Object.fromEntries(['favorites', 'wishlist'].flatMap(listWrites)),
  'POST /user/lists/import': byUser(() => ({ method: 'POST', url: '/user/lists/import', ...csvForm(csvOfLists) })),
  'PUT /films/{id}/rating': byUser(() => ({ method: 'PUT', url: '/films/301/rating', payload: { value: 8 } })),
  'DELETE /films/{id}/rating': async (service) => {
    const write = await writes['PUT /films/{id}/rating']?.(service)
    if (!write?.by) throw new Error('Somebody rates')
    await service.app.inject({ ...write.request, headers: write.by.headers })
    return { by: write.by, request: { method: 'DELETE', url: '/films/301/rating' } }
  },
}

function register(url: string): Make {
  return async () => ({ request: { method: 'POST', url, payload: { login: name(), password } } })
}

function login(url: string): Make {
  return async ({ app }) => {
    const { login } = await testUser(app)
    return { request: { method: 'POST', url, payload: { login, password } } }
  }
}

function byUser(request: (user: TestUser) => InjectOptions): Make {
  return async ({ app }) => {
    const by = await testUser(app)
    return { by, request: request(by) }
  }
}

function byAdmin(request: (service: Catalogue) => Promise<InjectOptions>): Make {
  return async (service) => ({ by: await testAdmin(service), request: await request(service) })
}

function listWrites(list: string): [string, Make][] {
  const paths = [`/movies/${list}`, `/${list}/movies`]
  return [
    [`POST /movies/${list}`, byUser(() => ({ method: 'POST', url: `/movies/${list}`, payload: { id: 301 } }))],
    [`POST /${list}/movies`, byUser(() => ({ method: 'POST', url: `/${list}/movies`, payload: { movie_id: 301 } }))],
    ...paths.map((path): [string, Make] => [
      `POST ${path}/{id}`,
      byUser(() => ({ method: 'POST', url: `${path}/301` })),
    ]),
    ...paths.map((path): [string, Make] => [
      `DELETE ${path}/{id}`,
      byUser(() => ({ method: 'DELETE', url: `${path}/301` })),
    ]),
  ]
}

function ownKey(method: 'PATCH' | 'DELETE', payload: object = {}): Make {
  return async ({ app }) => {
    const by = await testUser(app)
    const made = await app.inject({ method: 'POST', url: '/user/keys', headers: by.headers, payload: { name: name() } })
    return { by, request: { method, url: `/user/keys/${made.json().id}`, payload } }
  }
}

async function otherSession(service: Catalogue): Promise<Write> {
  const by = await testUser(service.app)
  await service.app.inject({ method: 'POST', url: '/login', payload: { login: by.login, password } })
  const { sql } = service.app.database
  const [other] = await sql`select id from sessions where user_id = ${by.id} order by created_at desc limit 1`
  return { by, request: { method: 'DELETE', url: `/auth/sessions/${other?.id}` } }
}

function newPassword() {
  return { old_password: password, new_password: `a new ${name()}` }
}

async function genre({ post }: Catalogue): Promise<number> {
  return (await post('/genres', { name: name() })).json().id
}

async function director({ post }: Catalogue): Promise<number> {
  return (await post('/directors', { name: name() })).json().id
}

async function setPhoto(id: number): Promise<InjectOptions> {
  return { method: 'PUT', url: `/directors/${id}/photo`, ...photo(await picture('png')) }
}
