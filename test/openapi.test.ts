import diagnostics from 'node:diagnostics_channel'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import type { FastifyInstance, RouteOptions } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, type TestApp, testApp } from './support/app.ts'
import {
  adminUser,
  documentOf,
  exampleOfMedia,
  exampleOfParameter,
  exampleRequest,
  type OpenApi,
  type Operation,
  operationsOf,
  parametersIn,
  type Schema,
  targetOf,
} from './support/operations.ts'
import { expectProblem } from './support/problems.ts'

let service: TestApp
let document: OpenApi
let operations: Operation[]
const routes: RouteOptions[] = []

beforeAll(async () => {
  const channel = 'fastify.initialization'
  const collect = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', (route) => void routes.push({ ...route }))
  }
  diagnostics.subscribe(channel, collect)
  service = await testApp()
  diagnostics.unsubscribe(channel, collect)
  document = documentOf(service.app)
  operations = operationsOf(document)
})
afterAll(() => service.close())

describe('The document', () => {
  test('is OpenAPI 3.1, and the same for a client as for us', async () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/)
    const response = await service.app.inject({ method: 'GET', url: '/openapi.json' })
    expect(response.headers['content-type']).toMatch(/^application\/json/)
    const servers = [{ url: 'http://localhost:80', description: 'This service' }]
    expect(response.json()).toEqual({ ...JSON.parse(JSON.stringify(document)), servers })
  })

  test('has every route that is not hidden, and no other', () => {
    const shown = routes.filter((route) => route.schema?.hide !== true)
    const served = shown.flatMap((route) =>
      [route.method].flat().map((method) => `${method} ${route.url.replace(/:(\w+)/g, '{$1}')}`),
    )
    const titles = operations.map((operation) => operation.title)
    expect(titles.toSorted()).toEqual([...new Set(served)].filter((title) => !title.startsWith('HEAD ')).toSorted())
    expect(titles.length).toBeGreaterThan(20)
  })

  test('hides nothing but the documentation itself, the way to it, and what every site is asked for', () => {
    const hidden = routes.filter((route) => route.schema?.hide === true).map((route) => route.url)
    expect(
      hidden.filter(
        (url) =>
          !/^\/(docs(\/.*)?|openapi\.json|favicon\.ico|robots\.txt|\.well-known\/security\.txt|app(\/\*)?|web\/.*|auth\/web\/.*|)$/.test(
            url,
          ),
      ),
    ).toEqual([])
  })

  test('names its operations once each, and says what they do and under which of its tags', () => {
    const ids = operations.map((operation) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    const tags = document.tags.map((tag) => tag.name)
    for (const operation of operations) {
      expect(operation.operationId, operation.title).toMatch(/^[a-z][A-Za-z0-9]+$/)
      expect(operation.summary, operation.title).toMatch(/\S/)
      expect(tags, operation.title).toEqual(expect.arrayContaining(operation.tags))
      expect(operation.tags, operation.title).toHaveLength(1)
    }
    expect(tags.filter((tag) => !operations.some((operation) => operation.tags.includes(tag)))).toEqual([])
  })

  test('has components with names that mean something, and no reference into nothing', () => {
    const names = Object.keys(document.components.schemas)
    expect(names).toEqual(expect.arrayContaining(['Film', 'FilmPage', 'Movie', 'Problem', 'TokenPair', 'User']))
    expect(names.filter((name) => !/^[A-Z][A-Za-z]+$/.test(name))).toEqual([])
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map((match) => match[1] ?? '')
    expect(references.filter((reference) => targetOf(reference, document) === undefined)).toEqual([])
  })

  test('lets a person authorise by the OAuth2 password form as well as by a token', () => {
    expect(document.components.securitySchemes).toMatchObject({
      bearer: { type: 'http', scheme: 'bearer' },
      password: { type: 'oauth2', flows: { password: { tokenUrl: '/auth/login' } } },
    })
  })

  test('the form that Swagger UI sends for a login is answered with a token', async () => {
    const payload = { login: 'swagger', password: 'correct horse battery staple' }
    await service.app.inject({ method: 'POST', url: '/register', payload })
    const form = { grant_type: 'password', username: payload.login, password: payload.password, scope: '' }
    const response = await service.app.inject({
      method: 'POST',
      url: '/auth/login',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams(form).toString(),
    })
    expect(response.json()).toMatchObject({ access_token: expect.any(String), token_type: 'Bearer' })
  })
})

describe('Answers', () => {
  test('of 400 and above are described and are problems', () => {
    for (const { title, responses } of operations) {
      const bad = Object.entries(responses).filter(([status]) => Number(status) >= 400)
      expect(bad.length, title).toBeGreaterThan(1)
      for (const [status, { description, content }] of bad) {
        expect(description, `${title} ${status}`).toMatch(/`[a-z_]+`/)
        const codes = [...(description ?? '').matchAll(/`([a-z_]+)`:/g)].map((match) => match[1])
        const { schema, examples } = content?.['application/problem+json'] ?? {}
        expect(schema?.properties, `${title} ${status}`).toHaveProperty('code')
        expect(Object.keys(examples ?? {}), `${title} ${status}`).toEqual(codes)
      }
    }
  })

  test('that every operation can give are told everywhere', () => {
    for (const { title, method, isPublic, responses } of operations) {
      const common = ['400', '500', '503', ...(isPublic ? [] : ['401']), ...(method === 'GET' ? [] : ['413', '415'])]
      expect(Object.keys(responses), title).toEqual(expect.arrayContaining(common))
    }
  })

  test('name each code once, and only under its own status', () => {
    for (const { title, responses } of operations) {
      const codes = Object.values(responses).flatMap(({ description = '' }) => description.match(/`[a-z_]+`:/g) ?? [])
      expect(codes.length, title).toBe(new Set(codes).size)
    }
  })

  test('of success are described', () => {
    for (const { title, responses } of operations) {
      const good = Object.entries(responses).filter(([status]) => Number(status) < 400)
      expect(good.length, title).toBeGreaterThan(0)
      for (const [status, { description }] of good) {
        expect(description, `${title} ${status}`).toMatch(/\S/)
        expect(description, `${title} ${status}`).not.toBe('Default Response')
      }
    }
  })
})

describe('Examples', () => {
  test('of every body and every JSON answer are there and fit their own schemas', { tags: 'slow' }, () => {
    const validate = validatorOf(document)
    const parts = jsonParts(operations)
    expect(parts.filter(({ media }) => exampleOfMedia(media) === undefined).map(({ where }) => where)).toEqual([])
    for (const { where, media } of parts) {
      const check = validate(media.schema ?? {})
      expect(check(exampleOfMedia(media)) ? [] : check.errors, where).toEqual([])
    }
  })

  test('of every parameter are there and fit', () => {
    const validate = validatorOf(document)
    for (const { title, parameters = [] } of operations) {
      for (const parameter of parameters) {
        const example = exampleOfParameter(parameter)
        expect(example, `${title} ${parameter.name} has an example`).toBeDefined()
        expect(validate(parameter.schema)(example), `${title} ${parameter.name}`).toBe(true)
      }
    }
  })

  test('of every request are taken: none is 400 for its form', { tags: 'slow' }, async () => {
    const asAdmin = as(service.app, await adminUser(service.app))
    for (const operation of operations.filter((each) => !/logout|password/i.test(each.path))) {
      const request = exampleRequest(operation)
      if (operation.requestBody && !request.payload) continue
      const response = await asAdmin(request)
      expect(response.body, operation.title).not.toContain('"code":"invalid_input"')
    }
  })
})

describe('Security', () => {
  test('what the document calls open is open, and all the rest asks for a token', async () => {
    for (const operation of operations) {
      const response = await service.app.inject(exampleRequest(operation))
      if (operation.isPublic) expect(response.body, operation.title).not.toContain('missing_token')
      else expectProblem(response, 401, 'missing_token')
    }
  })

  test('open is what the contract names, no more', () => {
    const open = operations.filter((operation) => operation.isPublic).map((operation) => operation.path)
    expect([...new Set(open)].toSorted()).toEqual([
      '/auth/login',
      '/auth/register',
      '/auth/reset',
      '/livez',
      '/login',
      '/metrics',
      '/problems/{code}',
      '/readyz',
      '/register',
    ])
  })
})

describe('Limits', () => {
  test('every text that a client sends has a longest length, every number bounds, every list a size', () => {
    const loose = operations.flatMap((operation) =>
      inputs(operation).flatMap(([where, schema]) => unbounded(schema, where)),
    )
    expect(loose).toEqual([])
  })

  test('a bound that is missing would be found', () => {
    expect(
      unbounded({ type: 'object', properties: { a: { type: ['string', 'null'] }, b: { type: 'array' } } }, 'x'),
    ).toEqual(['x.a has no maxLength', 'x.b has no maxItems'])
    expect(unbounded({ anyOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }] }, 'x')).toEqual(['x has no maximum'])
  })
})

function validatorOf({ components }: OpenApi): (schema: Schema) => ValidateFunction {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  formats.default(ajv)
  ajv.addFormat('text', true)
  ajv.addFormat('binary', true)
  return (schema) => ajv.compile({ ...schema, components })
}

function jsonParts(all: Operation[]) {
  return all.flatMap(({ title, requestBody, responses }) => {
    const good = Object.entries(responses).filter(([status]) => Number(status) < 300)
    const contents = [
      ['body', requestBody?.content] as const,
      ...good.map(([status, { content }]) => [status, content] as const),
    ]
    return contents.flatMap(([what, content]) => {
      const media = content?.['application/json']
      return media ? [{ where: `${title} ${what}`, media }] : []
    })
  })
}

function inputs(operation: Operation): [where: string, schema: Schema][] {
  const { title, requestBody } = operation
  const parameters = [...parametersIn(operation, 'path'), ...parametersIn(operation, 'query')]
  const body = requestBody?.content['application/json']?.schema
  return [
    ...parameters.map(({ name, schema }): [string, Schema] => [`${title} ${name}`, schema]),
    ...(body ? [[`${title} body`, body] as [string, Schema]] : []),
  ]
}

/** What has no bound in a schema of input, by path. */
function unbounded(schema: Schema, where: string): string[] {
  if (schema.enum || schema.const !== undefined) return []
  const types = [schema.type ?? []].flat()
  const needs = [
    ...(types.includes('string') && !timeFormats.has(schema.format ?? '') ? (['maxLength'] as const) : []),
    ...(types.includes('integer') || types.includes('number') ? (['minimum', 'maximum'] as const) : []),
    ...(types.includes('array') ? (['maxItems'] as const) : []),
  ]
  return [
    ...needs.filter((need) => schema[need] === undefined).map((need) => `${where} has no ${need}`),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, part]) => unbounded(part, `${where}.${name}`)),
    ...[schema.anyOf, schema.oneOf, schema.allOf].flatMap((parts) =>
      (parts ?? []).flatMap((part) => unbounded(part, where)),
    ),
    ...(schema.items ? unbounded(schema.items, `${where}[]`) : []),
  ]
}

const timeFormats = new Set(['date', 'date-time', 'uuid'])
