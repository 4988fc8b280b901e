import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }
import { loadConfig } from '../src/config/config.ts'
import { demoFilms } from '../src/embedded/demo.ts'
import { type TestApp, testApp } from './support/app.ts'
import {
  allPages,
  brokenLinks,
  codeBelow,
  foldersIn,
  missingPaths,
  namesIn,
  pageOf,
  rowsOf,
} from './support/documents.ts'
import { forbiddenWords } from './support/glossary.ts'

const run = promisify(execFile)
const readme = pageOf('README.md')
const translations = [pageOf('README.ru.md'), pageOf('README.uk.md')]
const tour = codeBelow(readme, '## A five-minute tour', 'sh')
const local = 'http://localhost:3000'

let service: TestApp
let base: string

beforeAll(async () => {
  service = await testApp({ KINOPOISK_COMPATIBLE: 'true' }, { demoCatalogue: await demoFilms() })
  base = await service.app.listen({ port: 0 })
})
afterAll(() => service.close())

describe('The README', () => {
  test('has a tour and an example that run as printed', { tags: 'slow' }, async () => {
    const script = tour.replace(local, base)
    expect(script).toContain(base)
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', script])
    const promised = [...tour.matchAll(/^# → (.+)$/gm)].map(([, text]) => text as string)
    expect(promised.length).toBeGreaterThan(5)
    let rest = stdout
    for (const text of promised) {
      expect(rest).toContain(text)
      rest = rest.slice(rest.indexOf(text))
    }
    // The account is that of the tour.
    const example = codeBelow(readme, '## Use it from TypeScript', 'ts').replace(local, base)
    expect(example).toContain(base)
    const { stdout: found } = await run(process.execPath, ['--input-type=module-typescript', '--eval', example])
    expect(found).toContain('Матрица 1999\n')
  })

  test.each([readme, ...translations])('$path is a page and a half', ({ text }) => {
    expect(text.trim().split(/\s+/).length).toBeLessThanOrEqual(900)
  })

  test.each(translations)('$path has the same commands, examples and links', (page) => {
    expect(codeOf(page.text)).toEqual(codeOf(readme.text))
    expect(linksOf(page.text)).toEqual(linksOf(readme.text))
  })

  test('or CONTRIBUTING names every npm script', () => {
    const text = readme.text + pageOf('CONTRIBUTING.md').text
    const names = Object.keys(packageJson.scripts).filter((name) => !/^(pre|post)/.test(name))
    const isNamed = (name: string) => text.includes(`npm ${/^(start|test)$/.test(name) ? '' : 'run '}${name}`)
    expect(names.filter((name) => !isNamed(name))).toEqual([])
  })
})

describe('The documentation', () => {
  test('has every environment variable once', () => {
    const read = new Set<string>()
    loadConfig(new Proxy({}, { get: (_, name) => void read.add(String(name)) }))
    expect(read.size).toBeGreaterThan(20)
    const rows = rowsOf(pageOf('docs/configuration.md'), 'variable')
    expect(rows.flatMap(([name]) => namesIn(name)).toSorted()).toEqual([...read].toSorted())
    for (const row of rows)
      expect(row).toEqual([expect.stringMatching(/^`[A-Z0-9_]+`$/), expect.anything(), expect.anything()])
  })

  test('has every metric once, with its type and labels', async () => {
    const documented = rowsOf(pageOf('docs/operation.md'), 'metric').map(([name, type, labels]) => ({
      name: namesIn(name)[0],
      type,
      labels: namesIn(labels).toSorted(),
    }))
    // The labels of requests are there from the first one on.
    await fetch(`${base}/readyz`)
    const registered = await metricsOf(service)
    // Some of the process' own are there on Linux only.
    const isHere = ({ name = '' }) => !name.startsWith('process_') || registered.some((metric) => metric.name === name)
    expect(documented.filter(isHere).toSorted(byName)).toEqual(registered.toSorted(byName))
    expect(registered.length).toBeGreaterThan(40)
  })

  test('has no link that leads nowhere', () => {
    const pages = allPages()
    const known = new Map(pages.map((page) => [page.path, page]))
    expect(pages.length).toBeGreaterThan(25)
    const broken = pages.flatMap((page) => brokenLinks(page, known).map((link) => `${page.path}: ${link}`))
    expect(broken).toEqual([])
  })

  test('has every folder of the code, and no other', () => {
    const rows = rowsOf(pageOf('docs/architecture.md'), 'folder').map(([name]) => namesIn(name)[0] ?? '')
    const inSource = rows.filter((name) => /^src(\/|$)/.test(name))
    expect(inSource.toSorted()).toEqual(foldersIn('src').toSorted())
  })

  test('names no file of this repository that is not there', () => {
    // The reports in bench/upstream name files of other packages.
    const pages = allPages().filter(({ path }) => !path.startsWith('bench/upstream/'))
    const missing = pages.flatMap((page) => missingPaths(page).map((path) => `${page.path}: ${path}`))
    expect(missing).toEqual([])
    const journey = rowsOf(pageOf('docs/architecture.md'), 'file').flatMap(([files]) => namesIn(files))
    expect(journey.length).toBeGreaterThan(20)
    const text = journey.map((path) => `\`src/${path}\``).join()
    expect(missingPaths({ path: 'docs/architecture.md', text })).toEqual([])
  })

  test('has a glossary with one meaning for each term, and words that no name may have', () => {
    const rows = rowsOf(pageOf('docs/glossary.md'), 'term')
    const terms = rows.map(([term]) => term ?? '')
    expect(new Set(terms).size).toBe(terms.length)
    for (const row of rows) {
      expect(row).toEqual([expect.stringMatching(/\w/), expect.stringMatching(/\.$|…$/), expect.any(String)])
      expect(row[2]).toMatch(/^([a-z]+(, [a-z]+)*)?$/)
    }
    const words = rows.flatMap(([, , others]) => others?.split(', ').filter(Boolean) ?? [])
    expect([...forbiddenWords(pageOf('docs/glossary.md').text).keys()]).toEqual(words)
    expect(words.length).toBeGreaterThan(30)
    expect(new Set(words).size).toBe(words.length)
    const ownWords = new Set(terms.flatMap((term) => term.toLowerCase().split(/\W+/)))
    expect(words.filter((word) => ownWords.has(word))).toEqual([])
  })
})

describe('A check of the documentation sees', () => {
  const heading = '# Here\n## Two `three`: four, and\n## Same\n## Same\n```sh\n# no heading\n```\n'
  const glossary = pageOf('docs/glossary.md')
  const known = new Map([[glossary.path, glossary]])

  test.each([
    ['../README.md', true],
    ['../README.xx.md', false],
    ['glossary.md#kinopoisk', true],
    ['glossary.md#nothing', false],
    ['https://example.org/nowhere', true],
    ['#here', true],
    ['#there', false],
    ['#two-three-four-and', true],
    ['#same-1', true],
    ['#same-2', false],
    ['#no-heading', false],
  ])('whether the link %s leads somewhere', (link, fine) => {
    const page = { path: 'docs/page.md', text: `${heading}[a](${link})` }
    expect(brokenLinks(page, known)).toEqual(fine ? [] : [link])
  })

  test('the rows of the tables that are meant, and no others', () => {
    const [first, second] = ['| a | b |\n|---|---|\n| `x` | 1 \\| 2 |\n', '| c | d |\n|--:|---|\n| y | z |\n']
    const text = [first, second, '| a | e |\n|---|---|\n| w | |\n'].join('\n')
    expect(rowsOf({ path: 'docs/page.md', text }, 'a')).toEqual([
      ['`x`', '1 \\| 2'],
      ['w', ''],
    ])
  })
})

/** All code of a page, but for comments in it. */
function codeOf(text: string): string[] {
  return [...text.matchAll(/^```(?:sh|ts|python)\n(.*?)^```/gms)].map(([, code = '']) =>
    code.replace(/^# (?!→).*\n/gm, ''),
  )
}

function linksOf(text: string): string[] {
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link as string)
  return links.filter((link) => !/^README\.(\w+\.)?md$/.test(link))
}

interface Metric {
  name: string | undefined
  type: string | undefined
  labels: string[]
}

async function metricsOf({ app }: TestApp): Promise<Metric[]> {
  const metrics = await app.metrics.getMetricsAsJSON()
  return metrics.map(({ name, type, values }) => {
    const { labelNames } = app.metrics.getSingleMetric(name) as unknown as { labelNames?: string[] }
    const seen = values.flatMap(({ labels }) => Object.keys(labels)).filter((label) => label !== 'le')
    return { name, type: String(type), labels: (labelNames ?? [...new Set(seen)]).toSorted() }
  })
}

function byName(a: Metric, b: Metric): number {
  return (a.name ?? '').localeCompare(b.name ?? '')
}
