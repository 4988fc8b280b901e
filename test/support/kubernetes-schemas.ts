import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Manifest } from './manifests.ts'
import { repository } from './process.ts'

// Published schemas, as packages have them: as validators, which know no member as unknown, and as types, which do.
// kubernetes-models has them of Kubernetes' own kinds, and a package beside it of each operator's.
const operators: Record<string, string> = {
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
  'postgresql.cnpg.io': '@kubernetes-models/cloudnative-pg',
}

function packageOf({ apiVersion }: Manifest): string {
  const [group = ''] = apiVersion.split('/')
  return `${operators[group] ?? 'kubernetes-models'}/${apiVersion}`
}

/** What an object has of wrong values, or lacks. */
export async function faultsOf(object: Manifest): Promise<string[]> {
  const models = (await import(packageOf(object))) as Record<string, new (data: object) => { validate(): void }>
  const Model = models[object.kind]
  if (!Model) return [`${packageOf(object)} has no ${object.kind}`]
  try {
    new Model(object).validate()
    return []
  } catch (error) {
    return [(error as Error).message]
  }
}

/** What the compiler says of objects as their types: for each its messages. It takes a second, for any number of them. */
export function compilerFaultsOf(objects: Manifest[]): string[][] {
  const folder = join(repository, 'node_modules/.cache/kinoteka', `manifests-${process.pid}`)
  mkdirSync(folder, { recursive: true })
  for (const [i, object] of objects.entries()) writeFileSync(join(folder, `object${i}.ts`), typed(object))
  const options = { noEmit: true, strict: true, skipLibCheck: true, module: 'nodenext', target: 'esnext', types: [] }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['*.ts'] }))
  const lines = compile(folder).split('\n')
  rmSync(folder, { recursive: true })
  const others = lines.filter((line) => /error TS/.test(line) && !/object\d+\.ts\(/.test(line))
  if (others.length > 0) throw new Error(others.join('\n'))
  return objects.map((_, i) => lines.filter((line) => line.includes(`object${i}.ts(`)))
}

function compile(folder: string): string {
  try {
    return execFileSync(join(repository, 'node_modules/.bin/tsc'), ['-p', folder, '--pretty', 'false'], {
      encoding: 'utf8',
    })
  } catch (error) {
    return String((error as { stdout?: string }).stdout)
  }
}

function typed(object: Manifest): string {
  const type = `I${object.kind}`
  return `import type { ${type} } from '${packageOf(object)}'\nexport const object: ${type} = ${JSON.stringify(object)}\n`
}
