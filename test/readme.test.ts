import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadConfig } from '../src/config/config.ts'
import { demoFilms } from '../src/embedded/demo.ts'
import { type TestApp, testApp } from './support/app.ts'

const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')

describe('the tour in the README', () => {
  let service: TestApp
  let base: string

  beforeAll(async () => {
    service = await testApp({}, { demoCatalogue: await demoFilms() })
    base = await service.app.listen({ port: 0 })
  })
  afterAll(() => service.close())

  test('runs as printed and answers what is printed', async () => {
    const [, tour = ''] = /## A five-minute tour.*?```sh\n(.*?)```/s.exec(readme) ?? []
    const script = tour.replace('http://localhost:3000', base)
    expect(script).toContain(base)
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script])
    const promised = [...tour.matchAll(/^# → (.+)$/gm)].map(([, text]) => text as string)
    expect(promised.length).toBeGreaterThan(5)
    let rest = stdout
    for (const text of promised) {
      expect(rest).toContain(text)
      rest = rest.slice(rest.indexOf(text))
    }
  })
})

describe('the README', () => {
  test('names every script and every variable of the configuration', async () => {
    const { scripts } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
    for (const name of Object.keys(scripts).filter(
      (name) => !/^(pre|post)/.test(name) && name !== 'start' && name !== 'test',
    )) {
      expect(readme).toContain(`npm run ${name}`)
    }
    const read = new Set<string>()
    const env = new Proxy({}, { get: (_, name) => void read.add(String(name)) })
    loadConfig(env)
    expect(read.size).toBeGreaterThan(20)
    for (const name of read) expect(readme).toContain(`\`${name}\``)
  })
})
