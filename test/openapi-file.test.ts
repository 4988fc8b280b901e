import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestApp, testApp } from './support/app.ts'
import { breakingChanges } from './support/breaking.ts'
import type { OpenApi } from './support/operations.ts'

let service: TestApp
let document: OpenApi

beforeAll(async () => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string }
  service = await testApp({}, { version })
  document = JSON.parse(JSON.stringify(service.app.swagger()))
})
afterAll(() => service.close())

const released = async () => JSON.parse(await readFile('docs/openapi-released.json', 'utf8')) as OpenApi

describe('docs/openapi.json', () => {
  test('is the document of the service; `npx vitest run test/openapi-file.test.ts -u` writes it anew', async () => {
    await expect(`${JSON.stringify(document, null, 1)}\n`).toMatchFileSnapshot('../docs/openapi.json')
  })

  test('breaks no client of the last release', async () => {
    expect(breakingChanges(await released(), document)).toEqual([])
  })
})

describe('A change that breaks clients is found', () => {
  const changed = (change: (document: OpenApi) => void) => {
    const copy = structuredClone(document)
    change(copy)
    return breakingChanges(document, copy)
  }
  const schema = (copy: OpenApi, name: string) =>
    copy.components.schemas[name] as Required<OpenApi['components']['schemas'][string]>

  test.each<[string, (copy: OpenApi) => void, string]>([
    ['an operation', (copy) => void delete copy.paths['/films/{id}']?.get, 'GET /films/{id} is gone'],
    [
      'a member of an answer',
      (copy) => void delete schema(copy, 'Film').properties.year,
      'GET /films/{id} 200.year is gone',
    ],
    [
      'a member that may be absent',
      (copy) => void schema(copy, 'Film').required.splice(0, 1),
      'GET /films/{id} 200.id may be absent now',
    ],
    [
      'a new null',
      (copy) => void Object.assign(schema(copy, 'Film').properties.name ?? {}, { type: ['string', 'null'] }),
      'GET /films/{id} 200.name may be null now',
    ],
    [
      'a member that is needed',
      (copy) => void Object.assign(schema(copy, 'DirectorBody'), { required: ['name', 'date_of_birth'] }),
      'POST /directors body needs date_of_birth now',
    ],
    [
      'a value that is not taken',
      (copy) => void schema(copy, 'FilmSort').enum.splice(1, 1),
      'GET /films sort does not take rate now',
    ],
    [
      'a shorter text',
      (copy) => void Object.assign(schema(copy, 'GenreBody').properties.name ?? {}, { maxLength: 10 }),
      'POST /genres body.name has a lower maxLength',
    ],
  ])('%s', (_, change, fault) => {
    expect(changed(change)).toContain(fault)
  })

  test('and nothing else is', () => {
    expect(changed((copy) => void Object.assign(copy.paths, { '/new': {} }))).toEqual([])
  })
})
