import type { FastifyInstance } from 'fastify'

/** The metrics of a service by their series, `name{label="value"}` with the labels in alphabetical order. */
export async function metricsOf(app: FastifyInstance): Promise<Map<string, number>> {
  return readMetrics((await app.inject({ method: 'GET', url: '/metrics' })).body)
}

export function readMetrics(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const [, name = '', labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
      const sorted = [...labels.matchAll(/\w+="(?:[^"\\]|\\.)*"/g)].map(([label]) => label).toSorted()
      return [sorted.length > 0 ? `${name}{${sorted.join(',')}}` : name, Number(value)]
    }),
  )
}

/** By how much each series has risen while `work` ran; those that stayed are left out. */
export async function risesDuring(app: FastifyInstance, name: RegExp, work: () => Promise<unknown>) {
  const before = await metricsOf(app)
  await work()
  const after = await metricsOf(app)
  const rises = [...after].map(([series, value]) => [series, value - (before.get(series) ?? 0)] as const)
  return Object.fromEntries(rises.filter(([series, rise]) => rise !== 0 && name.test(series)))
}
