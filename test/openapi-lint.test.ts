import { createConfig, lintFromString } from '@redocly/openapi-core'
import spectralCore from '@stoplight/spectral-core'
import owasp from '@stoplight/spectral-owasp-ruleset'
import spectralRulesets from '@stoplight/spectral-rulesets'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { owaspOff, redoclyOff, spectralOff } from '../tools/openapi-rules.ts'
import { type TestApp, testApp } from './support/app.ts'

let service: TestApp
let text: string

beforeAll(async () => {
  // With all paths that there can be.
  service = await testApp({ KINOPOISK_COMPATIBLE: 'true' })
  text = JSON.stringify(service.app.swagger())
})
afterAll(() => service.close())

type Found = { rule: string; message: string; where: string }

async function redocly(): Promise<Found[]> {
  const config = await createConfig({ extends: ['recommended-strict'] })
  const problems = await lintFromString({ source: text, absoluteRef: '/openapi.json', config })
  return problems.map(({ ruleId, message, location }) => {
    const [place] = location
    return { rule: ruleId, message, where: String(place && 'pointer' in place ? place.pointer : '') }
  })
}

/** With both sets of rules at once: reading the document takes longer than either. */
async function spectral(): Promise<Found[]> {
  const linter = new spectralCore.Spectral()
  const all = [spectralRulesets.oas, owasp].map((ruleset) => [ruleset, 'all'])
  linter.setRuleset(new spectralCore.Ruleset({ extends: all } as never))
  const found = await linter.run(text)
  return found.map(({ code, message, path }) => ({ rule: String(code), message, where: path.join('.') }))
}

const rulesets = [
  ['Redocly (recommended-strict)', redocly, redoclyOff],
  ['Spectral (oas, OWASP)', spectral, { ...spectralOff, ...owaspOff }],
] as const

describe('The document passes', () => {
  test.each(rulesets)('%s, but for rules that are off with a reason', { tags: 'slow' }, async (_, lint, off) => {
    const found = await lint()
    const faults = Map.groupBy(
      found.filter(({ rule }) => !(rule in off)),
      ({ rule }) => rule,
    )
    expect([...faults.values()].map((some) => ({ ...some[0], times: some.length }))).toEqual([])
    // A rule that nothing breaks is on.
    const broken = new Set(found.map(({ rule }) => rule))
    expect(Object.keys(off).filter((rule) => !broken.has(rule))).toEqual([])
  })
})

test('A fault would be found', { tags: 'slow' }, async () => {
  const before = text
  text = before
    .replace('"operationId":"listFilms"', '"operationId":"listMovies"')
    .replace('"type":"integer"', '"type":"integr"')
  const found = await redocly()
  text = before
  expect(found.map(({ rule }) => rule)).toEqual(expect.arrayContaining(['operation-operationId-unique', 'struct']))
})
