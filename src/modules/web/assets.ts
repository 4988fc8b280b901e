import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'
import { etagOf } from '../../http/json-payload.ts'

/** A file of the page, as it is sent. */
export interface Asset {
  bytes: Buffer
  type: string
  etag: string
}

export interface Assets {
  /** Of all files: a part of their addresses, so that a browser may keep them for good. */
  version: string
  files: ReadonlyMap<string, Asset>
  /** The specifiers that the page's modules import, and the files of packages that stand for them. */
  imports: Record<string, string>
}

/** Of packages these files, and no folder. */
const packages = ['preact', 'preact/hooks', 'htm']
const folder = new URL('../../web/', import.meta.url)
const types: Record<string, string> = {
  ts: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  webmanifest: 'application/manifest+json',
}

let loading: Promise<Assets> | undefined

/** Read once in a process: TypeScript without its types, as Node itself runs it. */
export function loadAssets(): Promise<Assets> {
  loading ??= load()
  return loading
}

async function load(): Promise<Assets> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => extensionOf(name) in types)
    .toSorted()
  const own = await Promise.all(names.map(async (name) => [name, await read(name)] as const))
  const foreign = await Promise.all(
    packages.map(async (name) => {
      const text = await readFile(fileURLToPath(import.meta.resolve(name)), 'utf8')
      return [
        `packages/${name.replace('/', '-')}.js`,
        asset(text.replace(/\n\/\/# sourceMappingURL=.*/, ''), 'ts'),
      ] as const
    }),
  )
  const files = new Map([...own, ...foreign])
  const hash = createHash('sha256')
  for (const [name, { etag }] of files) hash.update(`${name} ${etag}\n`)
  const version = hash.digest('base64url').slice(0, 12)
  return { version, files, imports: Object.fromEntries(packages.map((name, i) => [name, foreign[i]?.[0] ?? ''])) }
}

async function read(name: string): Promise<Asset> {
  const text = await readFile(new URL(name, folder), 'utf8')
  const extension = extensionOf(name)
  return asset(extension === 'ts' ? withoutTypes(text) : text, extension)
}

/** As Node runs it itself, which is stable; only that it can be called is said to be an experiment, on every start. */
function withoutTypes(text: string): string {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return stripTypeScriptTypes(text, { mode: 'strip' })
  } finally {
    process.emitWarning = emitWarning
  }
}

function asset(text: string, extension: string): Asset {
  const bytes = Buffer.from(text)
  return { bytes, type: types[extension] ?? '', etag: etagOf(bytes) }
}

function extensionOf(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}
