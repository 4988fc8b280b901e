import { brotliCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { headers } from '../src/http/openapi/headers.ts'
import { type TestApp, testApp } from './support/app.ts'
import { documentOf, type OpenApi, type Operation, operationsOf, type Schema, targetOf } from './support/operations.ts'

// What a reader and a generator need of every route, also of those to come.
let service: TestApp
let document: OpenApi
let operations: Operation[]

beforeAll(async () => {
  service = await testApp()
  document = JSON.parse(JSON.stringify(documentOf(service.app)))
  operations = operationsOf(document)
})
afterAll(() => service.close())

type Part = Schema & { description?: string; additionalProperties?: Schema; $ref?: string }

/** Every schema of the document, with its place. */
function schemas(): [where: string, schema: Part][] {
  const named = Object.entries(document.components.schemas).flatMap(([name, schema]) => within(name, schema))
  return [...named, ...direct().flatMap(([where, schema]) => within(where, schema))]
}

/** Those of bodies and answers, as they stand in the operations. */
function direct(): [where: string, schema: Part][] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { requestBody, responses }]) => {
      const answers = Object.entries(responses).map(([status, answer]) => {
        return [status, (answer.$ref ? (targetOf(answer.$ref, document) as typeof answer) : answer).content] as const
      })
      return [['body', requestBody?.content] as const, ...answers].flatMap(([place, content]) =>
        Object.entries(content ?? {}).map(([type, media]): [string, Part] => [
          `${method} ${path} ${place} ${type}`,
          media.schema ?? {},
        ]),
      )
    }),
  )
}

function within(where: string, schema: Part): [string, Part][] {
  const inner = [
    ...Object.entries(schema.properties ?? {}).map(([name, part]) => [`${where}.${name}`, part] as const),
    ...[schema.anyOf, schema.oneOf, schema.allOf].flatMap((parts) =>
      (parts ?? []).map((part) => [`${where}|`, part] as const),
    ),
    ...(schema.items ? [[`${where}[]`, schema.items] as const] : []),
    ...(typeof schema.additionalProperties === 'object' ? [[`${where}{}`, schema.additionalProperties] as const] : []),
  ]
  return [[where, schema], ...inner.flatMap(([place, part]) => within(place, part))]
}

describe('Schemas', () => {
  test('of bodies and answers in JSON have a name: generators name types by it', () => {
    const nameless = direct().filter(([where, { $ref }]) => /json$|form-data$/.test(where) && !$ref)
    expect(nameless.map(([where]) => where)).toEqual([])
  })

  test('of objects within others have a name too', () => {
    const nameless = schemas().filter(([where, { properties }]) => properties && /[.[{|]/.test(where))
    expect(nameless.map(([where]) => where)).toEqual([])
  })

  test('say what they are about, members as well', () => {
    const referred = ({ $ref, oneOf }: Part) => $ref ?? (oneOf?.find((each) => each.$ref) as Part | undefined)?.$ref
    const silent = schemas().filter(([where, schema]) => {
      const isItem = /(?:\[\]|\{\}|\|)$/.test(where)
      return !isItem && isNamedOrMember(where) && !schema.description && !referred(schema)
    })
    expect(silent.map(([where]) => where)).toEqual([])
  })

  test('bound texts, numbers and lists, in answers as well', () => {
    expect(schemas().flatMap(([where, schema]) => missing(schema).map((need) => `${where} ${need}`))).toEqual([])
  })

  test('hold no keyword that only our validation knows', () => {
    const text = JSON.stringify(document)
    expect(text).not.toMatch(/"transform":\[|"format":"text"|"\$id"|"x-[\w-]+":/)
    expect(schemas().filter(([, schema]) => 'if' in schema || 'else' in schema || 'title' in schema)).toEqual([])
  })
})

/** A name of components, or a member; not one of several forms, which have the name of the whole. */
function isNamedOrMember(where: string): boolean {
  const name = where.split(/[.[{|]/, 1)[0] ?? ''
  return name in document.components.schemas
}

const bounded = new Set(['date', 'date-time', 'uuid'])

function missing(schema: Part): string[] {
  if (schema.enum || schema.const !== undefined) return []
  const types = [schema.type ?? []].flat()
  const needs = [
    ...(types.includes('string') && !bounded.has(schema.format ?? '') ? (['maxLength'] as const) : []),
    ...(types.includes('integer') || types.includes('number') ? (['minimum', 'maximum'] as const) : []),
    ...(types.includes('array') ? (['maxItems'] as const) : []),
  ]
  return needs.filter((need) => schema[need] === undefined)
}

describe('Parameters', () => {
  test('say what they are about', () => {
    const silent = operations.flatMap(({ title, parameters = [] }) =>
      parameters.filter((each) => !each.description).map(({ name }) => `${title} ${name}`),
    )
    expect(silent).toEqual([])
  })
})

describe('Headers', () => {
  const sent = (title: string, status: string) => {
    const operation = operations.find((each) => each.title === title)
    return Object.keys(operation?.responses[status]?.headers ?? {})
  }

  test('are named where they are sent', () => {
    expect(sent('GET /films', '200')).toEqual(expect.arrayContaining(['ETag', 'Link']))
    expect(sent('GET /films', '304')).toContain('ETag')
    expect(sent('GET /movies', '200')).toEqual(expect.arrayContaining(['Link', 'X-Total-Count']))
    expect(sent('POST /films', '201')).toEqual(['Location'])
    expect(sent('GET /movies/{id}', '200')).toEqual(expect.arrayContaining(['Age', 'Cache-Status', 'ETag']))
    expect(sent('GET /movies/{id}', '503')).toEqual(['Retry-After'])
    expect(sent('POST /auth/login', '429')).toEqual(['Retry-After', 'RateLimit', 'RateLimit-Policy'])
    expect(sent('GET /user', '401')).toEqual(['WWW-Authenticate'])
  })

  test('of each 429 and 503 say when to come again', () => {
    for (const { title, responses } of operations) {
      for (const status of ['429', '503']) {
        const answer = responses[status]
        if (answer) expect(Object.keys(answer.headers ?? {}), `${title} ${status}`).toContain('Retry-After')
      }
    }
  })

  test('are all described, and none in vain', () => {
    const used = new Set(
      operations
        .flatMap(({ responses }) => Object.values(responses))
        .flatMap((each) => Object.keys(each.headers ?? {})),
    )
    expect(Object.keys(headers).filter((name) => !used.has(name))).toEqual([])
  })
})

describe('Aliases', () => {
  test('are deprecated, point to the original, and come last', () => {
    const aliases = operations.filter((each) => /Alias$/.test(each.operationId))
    expect(aliases.length).toBeGreaterThan(10)
    expect(document.tags.at(-1)?.name).toBe('aliases')
    for (const { title, deprecated, description = '', tags } of aliases) {
      expect(deprecated, title).toBe(true)
      expect(tags, title).toEqual(['aliases'])
      const [, original = ''] = /operation `(\w+)`/.exec(description) ?? []
      const other = operations.find((each) => each.operationId === original)
      expect(description, title).toContain(`\`${other?.title}\``)
    }
    expect(operations.filter((each) => each.deprecated && !/Alias$/.test(each.operationId))).toEqual([])
  })
})

describe('The whole', () => {
  test('says the licence, whom to ask, and the first steps', () => {
    expect(document.info.license).toEqual({ name: 'MIT', identifier: 'MIT' })
    expect(document.info.contact.name).toMatch(/\S/)
    expect(document.info.description).toContain('First steps')
  })

  test('takes a film by one of several forms', () => {
    const { oneOf } = document.components.schemas.NewFilm ?? {}
    expect(oneOf?.map((each) => each.$ref?.split('/').at(-1))).toEqual([
      'NewFilmByGenre',
      'NewFilmByGenres',
      'NewFilmOfKinopoisk',
    ])
  })

  test('is small: a page with it opens at once on a phone', { tags: 'slow' }, async () => {
    const answer = await service.app.inject({ url: '/openapi.json', headers: { 'accept-encoding': 'br' } })
    expect(answer.headers['content-encoding']).toBe('br')
    expect(answer.rawPayload.length).toBeLessThanOrEqual(30_000)
    expect(JSON.stringify(document).length).toBeLessThanOrEqual(300_000)
    expect(brotliCompressSync(JSON.stringify(document)).length).toBeLessThanOrEqual(30_000)
  })

  test('names the server that was asked', { tags: 'slow' }, async () => {
    const { headers, ...answer } = await service.app.inject({
      url: '/openapi.json',
      headers: { host: 'films.example:8080' },
    })
    expect(answer.json().servers[0].url).toBe('http://films.example:8080')
    const again = await service.app.inject({
      url: '/openapi.json',
      headers: { host: 'films.example:8080', 'if-none-match': String(headers.etag) },
    })
    expect(again.statusCode).toBe(304)
  })
})
