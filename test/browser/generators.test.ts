import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'

// Generators of clients need another TypeScript than the service, and stand in a package of their own.
const cwd = 'clients/generators'
const npm = (...args: string[]) => promisify(execFile)('npm', args, { cwd, maxBuffer: 1e8 })

beforeAll(async () => {
  if (!existsSync(`${cwd}/node_modules`)) await npm('ci')
}, 300_000)

const typesIn = async (file: string) =>
  [...(await readFile(file, 'utf8')).matchAll(/^export (?:type|interface) (\w+)/gm)].map((match) => match[1] ?? '')

describe('Clients are generated from docs/openapi.json', () => {
  test('clients/typescript/schema.d.ts is what openapi-typescript makes of it', async () => {
    const before = await readFile('clients/typescript/schema.d.ts', 'utf8')
    await npm('run', 'client')
    expect(await readFile('clients/typescript/schema.d.ts', 'utf8')).toBe(before)
  })

  test('hey-api and orval make clients, and all compile under strict', async () => {
    await npm('run', 'hey-api')
    await npm('run', 'orval')
    await npm('run', 'compile')
  })

  test('their types have our names', async () => {
    const { components } = JSON.parse(await readFile('docs/openapi.json', 'utf8')) as {
      components: { schemas: object }
    }
    const ours = Object.keys(components.schemas)
    for (const file of ['out/hey-api/types.gen.ts', 'out/orval/client.ts']) {
      const names = await typesIn(`${cwd}/${file}`)
      expect(ours.filter((name) => !names.includes(name))).toEqual([])
      expect(names.filter((name) => /(?:Item|AnyOf|OneOf)\d*(?:Item|AnyOf|OneOf)/.test(name))).toEqual([])
    }
  })
})
