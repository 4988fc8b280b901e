import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }
import { loadConfig } from '../src/config/config.ts'
import { compilerFaultsOf, faultsOf } from './support/kubernetes-schemas.ts'
import {
  files,
  folder,
  kustomization,
  type Manifest,
  objectsOf,
  podTimes,
  read,
  settings,
} from './support/manifests.ts'
import { repository } from './support/process.ts'

const kustomizations = files.filter((path) => path.endsWith('kustomization.yaml')).map((path) => dirname(path))
const objects = files
  .filter((path) => !path.endsWith('kustomization.yaml'))
  .flatMap((path) => objectsOf(read(path)).map((object) => ({ path, object })))
const objectOf = (kind: string, name = 'kinoteka') => {
  const isIt = ({ object }: { object: Manifest }) => object.kind === kind && object.metadata.name === name
  const found = objects.find((each) => isIt(each) && !each.path.startsWith('components/cloudnative-pg'))
  if (!found) throw new Error(`There is no ${kind} ${name}`)
  return found.object
}
const labels = { 'app.kubernetes.io/name': 'kinoteka' }
const [container] = objectOf('Deployment').spec.template.spec.containers
const kubectl = findKubectl()

describe('Every object', () => {
  test('has the values and the members that its published schema has, before and after kubectl builds it', {
    tags: 'slow',
  }, async () => {
    const built = kubectl ? kustomizations.filter(isWhole).flatMap((path) => build(kubectl, path)) : []
    expect(objects.length).toBeGreaterThan(10)
    const all = [...objects.map(({ object }) => object).filter(isObject), ...built]
    expect((await Promise.all(all.map(faultsOf))).flat()).toEqual([])
    expect(compilerFaultsOf(all).flat()).toEqual([])
    const pods = built.filter(({ kind }) => kind === 'Deployment' || kind === 'Job')
    for (const { spec } of pods) {
      const [{ image, env }] = spec.template.spec.containers as [{ image: string; env?: { name: string }[] }]
      expect(image).toBe(`kinoteka:${packageJson.version}`)
      // Kubernetes fills in only what stands before.
      const names = env?.map(({ name }) => name) ?? []
      if (names.includes('DATABASE_URL'))
        expect(names.indexOf('DB_PASSWORD')).toBeLessThan(names.indexOf('DATABASE_URL'))
    }
  })

  test('with a fault would be found', { tags: 'slow' }, async () => {
    const deployment = (spoil: (it: Manifest) => unknown) => spoilt('base/deployment.yaml', spoil)
    const wrongValues = [
      deployment((it) => Object.assign(it.spec.template.spec, { terminationGracePeriodSeconds: '30s' })),
      deployment((it) => Reflect.deleteProperty(it.spec, 'selector')),
      spoilt('database/cluster.yaml', (it) => Object.assign(it.spec.postgresql.synchronous, { method: 'some' })),
      spoilt('database/cluster.yaml', (it) => Reflect.deleteProperty(it.spec, 'instances')),
      spoilt('database/pooler.yaml', (it) => Object.assign(it.spec.pgbouncer, { poolMode: 'statement' })),
      spoilt('database/pooler.yaml', (it) => Object.assign(it.spec.pgbouncer.parameters, { default_pool_size: 20 })),
    ]
    for (const object of wrongValues) expect(await faultsOf(object)).not.toEqual([])
    const unknownMembers = [
      deployment((it) => Object.assign(it.spec.template.spec.containers[0], { livenesProbe: {} })),
      spoilt('components/monitoring/service-monitor.yaml', (it) =>
        Object.assign(it.spec.endpoints[0], { intervall: '5s' }),
      ),
      spoilt('database/cluster.yaml', (it) => Object.assign(it.spec.bootstrap.initdb, { postInitApplicationSql: [] })),
      spoilt('database/pooler.yaml', (it) => Object.assign(it.spec.pgbouncer, { poolmode: 'transaction' })),
    ]
    for (const faults of compilerFaultsOf(unknownMembers)) expect(faults).toHaveLength(1)
  })
})

describe('Kustomizations', () => {
  test('name files that are there, and every file but the sample of the secret is named', () => {
    const named = kustomizations.flatMap((path) => {
      const { resources = [], components = [], patches = [] } = kustomization(path)
      return [...resources, ...components, ...patches.map((patch) => patch.path)].map((name) =>
        normalize(join(path, name)),
      )
    })
    for (const path of named) expect(existsSync(join(folder, path)), path).toBe(true)
    const own = files.filter((path) => !path.endsWith('kustomization.yaml') && path !== 'secret.example.yaml')
    expect(named.filter((path) => path.endsWith('.yaml')).toSorted()).toEqual(own)
  })

  test('have the version of package.json', () => {
    const images = kustomizations.flatMap((path) => kustomization(path).images ?? [])
    expect(images.length).toBe(2)
    for (const image of images) expect(image).toEqual({ name: 'kinoteka', newTag: packageJson.version })
  })
})

describe('The pods', () => {
  test.each(['Deployment', 'Job'])('of the %s have no rights that they do not need', (kind) => {
    const { spec } = objectOf(kind, kind === 'Job' ? 'kinoteka-migration' : 'kinoteka').spec.template
    expect(spec.automountServiceAccountToken).toBe(false)
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
    expect(spec.containers[0].securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(spec.containers[0].resources).toMatchObject({ limits: { memory: expect.any(String) } })
  })

  test('are found by what looks for them', () => {
    const { spec } = objectOf('Deployment')
    expect([spec.selector.matchLabels, spec.template.metadata.labels]).toEqual([labels, labels])
    expect(objectOf('Service').spec.selector).toEqual(labels)
    expect(objectOf('Service').metadata.labels).toEqual(labels)
    expect(objectOf('PodDisruptionBudget').spec.selector.matchLabels).toEqual(labels)
    expect(objectOf('ServiceMonitor').spec.selector.matchLabels).toEqual(labels)
    const [{ values }] = objectOf('NetworkPolicy').spec.podSelector.matchExpressions
    const jobLabels = objectOf('Job', 'kinoteka-migration').spec.template.metadata.labels
    expect(values).toEqual(['kinoteka', jobLabels['app.kubernetes.io/name']])
    expect(objectOf('HorizontalPodAutoscaler').spec.scaleTargetRef).toMatchObject({
      kind: 'Deployment',
      name: 'kinoteka',
    })
  })

  test('are asked for their health where the service tells it', () => {
    expect(container.livenessProbe.httpGet.path).toBe('/livez')
    expect([container.readinessProbe.httpGet.path, container.startupProbe.httpGet.path]).toEqual(['/readyz', '/readyz'])
  })

  test('have the time to end by themselves', () => {
    const { preStopMs, graceMs } = podTimes()
    // All is over 10 s behind the signal.
    expect(preStopMs + 10_000).toBeLessThan(graceMs)
  })

  test('of the Job run a file that is there', () => {
    const [{ command }] = objectOf('Job', 'kinoteka-migration').spec.template.spec.containers
    expect(command).toEqual(['node', 'src/cli.ts', 'migrate'])
    expect(existsSync(join(repository, command?.[1] ?? ''))).toBe(true)
  })
})

describe('Metrics', () => {
  test('need a token that no pod starts without, and the Ingress leads nowhere', () => {
    expect(container.env).toEqual([
      { name: 'METRICS_TOKEN', valueFrom: { secretKeyRef: { name: 'kinoteka', key: 'METRICS_TOKEN' } } },
    ])
    const [endpoint] = objectOf('ServiceMonitor').spec.endpoints
    expect(endpoint.authorization.credentials).toEqual({ name: 'kinoteka', key: 'METRICS_TOKEN' })
    const { paths } = objectOf('Ingress').spec.rules[0].http
    const closed = paths.find(({ path }: { path: string }) => path === '/metrics')
    expect(closed).toMatchObject({ pathType: 'Prefix', backend: { service: { name: 'kinoteka-closed' } } })
    expect(objectOf('Service', 'kinoteka-closed').spec.selector).toBeUndefined()
    expect(objectOf('Service', 'kinoteka-closed').metadata.labels).not.toEqual(labels)
  })
})

describe('The configuration', () => {
  const [secret] = objectsOf(read('secret.example.yaml')) as [Manifest]
  const sample = secret.stringData as Record<string, string>
  const url = 'postgres://kinoteka:secret@kinoteka-db-rw:5432/kinoteka'
  const filled = Object.fromEntries(
    Object.keys(sample).map((name) => [name, name === 'DATABASE_URL' ? url : 'a-secret-of-more-than-32-bytes-in-all']),
  )

  test('is variables that the service reads, without a fault', () => {
    const known = new Set<string>()
    const env = new Proxy<Record<string, string>>(
      { ...settings(), ...filled, SENTRY_DSN: 'https://key@sentry.example.org/1' },
      {
        get(target, name: string) {
          known.add(name)
          return target[name]
        },
      },
    )
    expect(loadConfig(env)).toMatchObject({ trustProxy: 'uniquelocal', drainDelayMs: 3000, databaseUrl: url })
    const patched = objects
      .filter(({ path }) => path.startsWith('components/'))
      .flatMap(({ object }) => object.spec?.template?.spec.containers ?? [])
      .flatMap((each) => each.env ?? [])
      .map(({ name }) => name)
    // Read by the part for poolers.
    const used = [...Object.keys({ ...settings(), ...sample }), ...patched].filter(
      (name) => !/^DB_(USER|PASSWORD)$/.test(name),
    )
    expect(used.filter((name) => !known.has(name))).toEqual([])
  })

  test('as the sample of the secret has it is refused', () => {
    expect(() => loadConfig({ ...settings(), ...sample, DATABASE_URL: url })).toThrow('JWT_SECRET is required')
  })

  test('lets the service out to PostgreSQL and PgBouncer, and in from nowhere else', () => {
    const { ingress, egress } = objectOf('NetworkPolicy').spec
    const ports = egress.flatMap((rule) => rule.ports.map(({ port }) => port))
    expect(ports).toEqual(expect.arrayContaining([53, 80, 443, 5432, 6432]))
    expect(ingress.map((rule) => rule.from.length)).toEqual([2])
  })
})

describe('The database', () => {
  const cluster = objectOf('Cluster', 'kinoteka-db').spec
  const pooler = objectOf('Pooler', 'kinoteka-db-pooler').spec
  const replicas = objectOf('HorizontalPodAutoscaler').spec.maxReplicas + podTimes().rollingUpdate.maxSurge
  const connectionsOfReplica = 16

  test('has room for the connections of every replica, and for those of the pooler', () => {
    // For the operator, backups and people.
    const others = 25
    const pooled = pooler.instances * Number(pooler.pgbouncer.parameters.default_pool_size)
    const max = Number(cluster.postgresql.parameters.max_connections)
    expect(replicas * connectionsOfReplica + pooled + others).toBeLessThanOrEqual(max)
    expect(replicas * connectionsOfReplica).toBeLessThanOrEqual(Number(pooler.pgbouncer.parameters.max_client_conn))
  })

  test('loses no write that was acknowledged, and tells letters in case', () => {
    expect(cluster.postgresql.synchronous).toEqual({ method: 'any', number: 1 })
    expect(cluster.bootstrap.initdb).toMatchObject({
      localeProvider: 'builtin',
      builtinLocale: 'C.UTF-8',
      encoding: 'UTF8',
    })
  })

  test('is what the addresses of the service name', () => {
    const names = ['kinoteka-db-rw', 'kinoteka-db-ro']
    const env = objects
      .filter(({ path }) => path.startsWith('components/cloudnative-pg'))
      .flatMap(({ object }) => object.spec.template.spec.containers[0].env ?? [])
    const hosts = env.flatMap(({ value = '' }) => /@([\w-]+):5432\/(\w+)$/.exec(value)?.slice(1, 3).join() ?? [])
    expect(new Set(hosts)).toEqual(new Set(names.map((name) => `${name},${cluster.bootstrap.initdb.database}`)))
    expect(pooler.cluster.name).toBe('kinoteka-db')
  })
})

const isWhole = (path: string) => kustomization(path).kind === 'Kustomization'

/** Patches are parts of objects: what comes of them is checked where kubectl builds them. */
function isObject({ kind, spec }: Manifest): boolean {
  return (
    kind === 'Secret' || kind === 'Service' || !spec?.template || spec.template.spec.containers[0].image !== undefined
  )
}

function spoilt(path: string, spoil: (it: Manifest) => unknown): Manifest {
  const [object] = objectsOf(read(path)) as [Manifest]
  spoil(object)
  return object
}

function build(kubectl: string, path: string): Manifest[] {
  return objectsOf(execFileSync(kubectl, ['kustomize', join(folder, path)], { encoding: 'utf8' }))
}

function findKubectl(): string | undefined {
  const found = (process.env.PATH ?? '')
    .split(':')
    .map((path) => join(path, 'kubectl'))
    .find(existsSync)
  if (!found) process.stdout.write('kubectl is not installed: what it builds of the kustomizations is not checked\n')
  return found
}
