import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { repository } from './process.ts'

interface Container {
  image?: string
  command?: string[]
  env?: { name: string; value?: string }[]
  securityContext: object
  resources: object
  lifecycle: { preStop: { sleep: { seconds: number } } }
  startupProbe: Probe
  readinessProbe: Probe
  livenessProbe: Probe
}

interface Probe {
  httpGet: { path: string }
  periodSeconds: number
}

interface Ingress {
  http: { paths: { path: string; pathType: string; backend: object }[] }
}

/** Of all kinds together, as much as the tests look at: each has some of it, which its schema checks. */
interface Spec {
  template: {
    metadata: { labels: Record<string, string> }
    spec: {
      containers: [Container]
      automountServiceAccountToken: boolean
      securityContext: object
      terminationGracePeriodSeconds: number
    }
  }
  strategy: { rollingUpdate: { maxSurge: number; maxUnavailable: number } }
  selector: { matchLabels: object }
  podSelector: { matchExpressions: [{ values: string[] }] }
  scaleTargetRef: object
  maxReplicas: number
  rules: [Ingress]
  ingress: { from: object[] }[]
  egress: { ports: { port: number }[] }[]
  endpoints: [{ authorization: { credentials: object } }]
  bootstrap: { initdb: { database: string } }
  postgresql: { parameters: Record<string, string>; synchronous: object }
  cluster: { name: string }
  instances: number
  pgbouncer: { parameters: Record<string, string> }
}

/** An object of Kubernetes. */
export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string; labels?: Record<string, string> }
  spec: Spec
  stringData?: Record<string, string>
}

export interface Kustomization {
  kind: 'Kustomization' | 'Component'
  resources?: string[]
  components?: string[]
  patches?: { path: string }[]
  images?: { name: string; newTag: string }[]
  configMapGenerator?: { name: string; literals: string[] }[]
}

export const folder = join(repository, 'deploy/kubernetes')

/** Every YAML file of the folder, by its path in it. */
export const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.name.endsWith('.yaml'))
  .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
  .toSorted()

export const read = (path: string) => readFileSync(join(folder, path), 'utf8')

/** The objects of a text. @throws where it is no YAML */
export function objectsOf(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    if (document.errors[0]) throw document.errors[0]
    return document.toJS()
  })
}

export function kustomization(path: string): Kustomization {
  return parse(read(join(path, 'kustomization.yaml')))
}

/** The variables of the ConfigMap. */
export function settings(): Record<string, string> {
  const literals = kustomization('base').configMapGenerator?.flatMap((map) => map.literals) ?? []
  return Object.fromEntries(
    literals.map((literal) => [literal.split('=', 1)[0], literal.slice(literal.indexOf('=') + 1)]),
  )
}

/** The times of a pod's life, in ms. */
export function podTimes() {
  const [{ spec }] = objectsOf(read('base/deployment.yaml')) as [Manifest]
  const [container] = spec.template.spec.containers
  return {
    rollingUpdate: spec.strategy.rollingUpdate,
    probeMs: container.startupProbe.periodSeconds * 1000,
    preStopMs: container.lifecycle.preStop.sleep.seconds * 1000,
    graceMs: spec.template.spec.terminationGracePeriodSeconds * 1000,
  }
}
