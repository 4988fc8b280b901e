import type { InjectOptions } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { headers } from '../src/http/openapi/headers.ts'
import { as, type TestApp, type TestUser, testApp } from './support/app.ts'
import {
  adminUser,
  documentOf,
  exampleOfMedia,
  exampleRequest,
  type Operation,
  operationsOf,
  type Schema,
} from './support/operations.ts'

// Each operation as the document gives it: its example is sent, and the answer is what the document says.
let service: TestApp
let operations: Operation[]
let admin: TestUser
let send: ReturnType<typeof as>

beforeAll(async () => {
  service = await testApp()
  operations = operationsOf(documentOf(service.app))
  admin = await adminUser(service.app)
  send = as(service.app, admin)
  const make = (url: string, payload: object) => send({ method: 'POST', url, payload })
  await make('/directors', { name: 'Клинт Иствуд' })
  await make('/genres', { name: 'драма' })
  await make('/films', { kinopoisk_id: 301 })
  await send({ method: 'PUT', url: '/films/301/rating', payload: { value: 8 } })
  for (const list of ['favorites', 'wishlist']) await send({ method: 'POST', url: `/${list}/movies/301` })
  await make('/user/keys', { name: 'Plex at home' })
})
afterAll(() => service.close())

// What can't be sent as it stands, because it needs a secret of the moment, or takes away what the others need.
const elsewhere = new Map([
  ['refresh', 'a refresh token of the moment: auth-refresh'],
  ['resetPassword', 'a reset token of the moment: auth-reset'],
  ['login', 'an account of this name: auth-login'],
  ['loginAlias', 'an account of this name: auth-login'],
  ['changePassword', 'the password of the account: auth-password'],
  ['logout', 'ends the session: auth-sessions'],
  ['logoutAlias', 'ends the session: auth-sessions'],
  ['endSession', 'an id of the moment: auth-sessions'],
  ['registerAlias', 'the login is taken by then: auth-register'],
  ['renameGenre', 'the name is taken by then: genres'],
  ['deleteGenre', 'films have it: genres'],
  ['deleteDirector', 'films have it: directors'],
  ['importFilms', 'a file: film-files'],
  ['setDirectorPhoto', 'a file: photos'],
  ['getDirectorPhoto', 'a file first: photos'],
  ['deleteDirectorPhoto', 'a file first: photos'],
  ['getFilmPoster', 'a host of pictures: posters'],
  ['eraseUser', 'erases the account: user-account'],
])

describe('The example of', () => {
  test('every operation that reads is answered as the document says', { tags: 'slow' }, async () => {
    for (const operation of operations.filter(({ method }) => method === 'GET')) {
      if (!elsewhere.has(operation.operationId)) await check(operation)
    }
  })

  test('every operation that writes is answered as the document says', async () => {
    const order = ['POST', 'PUT', 'PATCH', 'DELETE']
    const writing = operations.filter(({ method, operationId }) => method !== 'GET' && !elsewhere.has(operationId))
    for (const operation of writing.toSorted((a, b) => order.indexOf(a.method) - order.indexOf(b.method))) {
      await check(operation)
    }
  })

  test('what is tested elsewhere is there', () => {
    const ids = operations.map(({ operationId }) => operationId)
    expect([...elsewhere.keys()].filter((id) => !ids.includes(id))).toEqual([])
  })
})

async function check(operation: Operation): Promise<void> {
  const { title, responses } = operation
  const answer = await send(exampleRequest(operation) as InjectOptions)
  const described = responses[answer.statusCode]
  expect.soft(answer.statusCode, `${title} ${answer.body.slice(0, 200)}`).toBeLessThan(400)
  expect.soft(described, `${title} ${answer.statusCode} ${answer.body.slice(0, 300)}`).toBeDefined()
  const sent = Object.keys(headers).filter((name) => answer.headers[name.toLowerCase()] !== undefined)
  const named = Object.keys(described?.headers ?? {})
  const unnamed = sent.filter((name) => name !== 'Cache-Control' && !named.includes(name))
  expect.soft(unnamed, `${title} ${answer.statusCode} sends headers that it does not name`).toEqual([])
  const media = described?.content?.['application/json']
  if (!media) return
  const told = answer.json()
  expect.soft(unknown(told, media.schema ?? {}), `${title} answers with members that are not described`).toEqual([])
  expect.soft(shape(exampleOfMedia(media)), `${title} has an example of another form`).toEqual(shape(told))
}

/** Members of the value that the schema does not have. */
function unknown(value: unknown, schema: Schema, where = ''): string[] {
  const form = schema.oneOf?.find((each) => each.type !== 'null') ?? schema
  if (Array.isArray(value)) return value.flatMap((each) => unknown(each, form.items ?? {}, `${where}[]`))
  if (typeof value !== 'object' || value === null || !form.properties) return []
  return Object.entries(value).flatMap(([name, part]) => {
    const member = form.properties?.[name]
    return member ? unknown(part, member, `${where}.${name}`) : [`${where}.${name}`]
  })
}

/** The names of members, which an example and an answer have in common. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return 'array'
  if (typeof value !== 'object' || value === null) return 'value'
  return Object.keys(value).toSorted()
}
