import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
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
  /** Each is made when it is first asked for: to take the types out of all of them would cost every start a fifth of a second. */
  files: ReadonlyMap<string, () => Asset>
  /** The specifiers that the page's modules import, and the files of packages that stand for them. */
  imports: Record<string, string>
}

/** Of packages these files, and no folder. */
const packages = ['preact', 'preact/hooks', 'htm']
const folder = new URL('../../web/', import.meta.url)
const types: Record<string, string> = {
  ts: 'text/javascript; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
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
  const own = names.map((name) => [name, new URL(name, folder)] as const)
  const foreign = packages.map(
    (name) => [`packages/${name.replace('/', '-')}.js`, new URL(import.meta.resolve(name))] as const,
  )
  const texts = await Promise.all(
    [...own, ...foreign].map(async ([name, url]) => [name, await readFile(url, 'utf8')] as const),
  )
  // Another Node may take types out in another way.
  const hash = createHash('sha256').update(process.version)
  for (const [name, text] of texts) hash.update(`${name} ${text}\n`)
  return {
    version: hash.digest('base64url').slice(0, 12),
    files: new Map(texts.map(([name, text]) => [name, lazyAsset(name, text)])),
    imports: Object.fromEntries(packages.map((name, i) => [name, foreign[i]?.[0] ?? ''])),
  }
}

function lazyAsset(name: string, text: string): () => Asset {
  let made: Asset | undefined
  return () => {
    made ??= asset(name, text)
    return made
  }
}

function asset(name: string, text: string): Asset {
  const extension = extensionOf(name)
  const sent = extension === 'ts' ? withoutTypes(text) : text.replace(/\n\/\/# sourceMappingURL=.*/, '')
  const bytes = Buffer.from(sent)
  return { bytes, type: types[extension] ?? '', etag: etagOf(bytes) }
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

function extensionOf(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1)
}
