import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { repository } from './process.ts'

/** A source file: its path from the repository's root, and its text. */
export interface Source {
  path: string
  text: string
}

interface Import {
  /** `src/db/connect.ts`, or a package's name. */
  target: string
  typeOnly: boolean
}

/** What a kind of file may import of ours: by value and type, and by type alone; and which packages it must not. */
interface Rule {
  from: RegExp
  may: (match: RegExpExecArray) => RegExp[]
  types?: RegExp[]
  never?: RegExp
}

const db = /^src\/db\//
const errors = /^src\/errors\.ts$/
const operations = /^src\/operations\.ts$/
const wire = /^src\/wire\.ts$/
const links = /^src\/links\.ts$/
const schemas = /^src\/schemas\.ts$/
const shared = /^src\/(forms|gate|names|typos|wire)\.ts$/
const otherSchemas = /^src\/modules\/\w+\/(?:[\w-]+-)?schemas\.ts$/
const otherServices = /^src\/modules\/\w+\/service\.ts$/
const config = /^src\/config\.ts$/
const terminal = /^src\/terminal\.ts$/
const embedded = /^src\/embedded\//
const edges = /^src\/(kinopoisk|storage)\//
const own = (folder = '') => new RegExp(`^${folder}`)

// The table of architecture.md. The first row that fits a file is its rule.
const rules: Rule[] = [
  {
    from: /^src\/server\.ts$/,
    may: () => [/^src\/(app|instrument)\.ts$/, config, terminal, /^src\/db\/(migrate|errors)\.ts$/, embedded],
  },
  { from: /^src\/admin\.ts$/, may: () => [config, db, embedded, /^src\/modules\/auth\//] },
  { from: /^src\/instrument\.ts$/, may: () => [config, /^src\/config-readers\.ts$/, /^src\/db\/errors\.ts$/] },
  { from: /^src\/(app|accounts|catalogue)\.ts$/, may: () => [/^src\/(?!server|admin|instrument|embedded)/] },
  { from: config, may: () => [/^src\/config-(names|readers)\.ts$/] },
  { from: /^src\/(config-names|config-readers|errors|links|operations|terminal)\.ts$/, may: () => [] },
  { from: schemas, may: () => [errors] },
  { from: shared, may: () => [errors] },
  { from: db, may: () => [db] },
  { from: /^src\/(?:storage|kinopoisk)\//, may: ([folder]) => [own(folder), db, errors] },
  { from: embedded, may: () => [embedded] },
  { from: /^src\/plugins\//, may: () => [db, edges, errors, schemas, operations, terminal, wire] },
  { from: otherSchemas, may: () => [schemas, errors, otherSchemas] },
  {
    from: /^src\/modules\/\w+\/(?:[\w-]+-)?repository\.ts$/,
    may: () => [db],
    never: /^(@?fastify|undici)\b/,
  },
  // A part of a module with a folder of its own: its repositories share the folder.
  {
    from: /^(src\/modules\/\w+\/\w+\/)(?:[\w-]+-)?repository\.ts$/,
    may: ([, folder]) => [db, own(folder)],
    never: /^(@?fastify|undici)\b/,
  },
  {
    from: /^(src\/modules\/\w+\/).*routes\.ts$/,
    may: ([, folder]) => [own(folder), schemas, shared, links, errors, otherSchemas, /^src\/plugins\/auth\.ts$/],
    types: [otherServices, edges],
    never: /^(drizzle-orm|postgres|undici)\b/,
  },
  {
    from: /^(src\/modules\/\w+\/)/,
    may: ([, folder]) => [own(folder), errors, shared],
    types: [otherServices, otherSchemas, edges, db],
    never: /^(@?fastify|drizzle-orm|postgres|undici)\b/,
  },
]

const longest = 250
const entries = /^src\/(server|admin)\.ts$/

/** All breaks of the house's rules, one line each; the same for a tree on disk and for one made up by a test. */
export function breaksIn(sources: Source[]): string[] {
  return sources.flatMap((source) => {
    const code = withoutComments(source.text)
    const isOurs = source.path.startsWith('src/')
    return [
      ...anyBreaks(source.path, code),
      ...(isOurs ? [...importBreaks(source.path, code), ...habitBreaks(source, code)] : []),
    ]
  })
}

export function sourcesIn(folder: string): Source[] {
  const names = readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => /\.[cm]?[jt]s$/.test(name))
    .map((name) => join(folder, name))
    .map((path) => ({ path, text: readFileSync(join(repository, path), 'utf8') }))
}

function importBreaks(path: string, code: string): string[] {
  const rule = rules.find(({ from }) => from.test(path))
  const match = rule?.from.exec(path)
  if (!rule || !match) return path.endsWith('.cjs') ? [] : [`${path} has no place in the architecture`]
  const may = rule.may(match)
  return importsOf(path, code)
    .filter(({ target, typeOnly }) => {
      if (!target.startsWith('src/')) return rule.never?.test(target)
      if (entries.test(target)) return true
      return ![...may, ...(typeOnly ? (rule.types ?? []) : [])].some((allowed) => allowed.test(target))
    })
    .map(({ target, typeOnly }) => `${path} must not import ${typeOnly ? 'types of ' : ''}${target}`)
}

function importsOf(path: string, code: string): Import[] {
  const statements = code.matchAll(/^\s*(?:import|export)\s+(type\s+)?(?:([^'";=]*?)\s+from\s+)?['"]([^'"]+)['"]/gm)
  const fixed = [...statements].map(([, type, names, specifier]) => ({
    target: resolve(path, specifier ?? ''),
    typeOnly: type !== undefined || onlyTypes(names ?? ''),
  }))
  const dynamic = [...code.matchAll(/\b(?:import|require)\(\s*['"]([^'"]+)['"]/g)].map(([, specifier]) => ({
    target: resolve(path, specifier ?? ''),
    typeOnly: false,
  }))
  return [...fixed, ...dynamic]
}

/** `{ type A, type B }` */
function onlyTypes(names: string): boolean {
  const [, list] = /^\{(.*)\}$/s.exec(names.trim()) ?? []
  return list?.split(',').every((name) => /^\s*(type\s.*)?$/s.test(name)) ?? false
}

function resolve(path: string, specifier: string): string {
  return specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : specifier
}

function anyBreaks(path: string, code: string): string[] {
  const bare = code.replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''")
  // After a colon that follows its name at once: a ternary has a space there.
  const type = /(?:[\w)\]}?]:|[<|&]|\b(?:as|extends|satisfies)\b|=>|\btype\s[^=\n]*=)\s*any\b(?!\s*[.(:'])|,\s*any\s*>/
  return type.test(bare) ? [`${path} uses the type any`] : []
}

function habitBreaks({ path, text }: Source, code: string): string[] {
  const breaks = {
    'reads process.env':
      !config.test(path) &&
      /\bprocess\s*(\.\s*env\b|\[)|\benv\b[^'"]*from\s*['"](node:)?process['"]|\bloadEnvFile\b|import\.meta\.env/.test(
        code,
      ),
    [`is longer than ${longest} lines`]: text.trimEnd().split('\n').length > longest,
    'is a barrel': /(^|\/)index\.[cm]?[jt]s$/.test(path) || /^\s*export\s+\*/m.test(code),
    'makes a Fastify of its own': path !== 'src/app.ts' && /\b[Ff]astify\(\s*[{)]/.test(code),
  }
  return Object.entries(breaks).flatMap(([fault, broken]) => (broken ? [`${path} ${fault}`] : []))
}

function withoutComments(text: string): string {
  return text.replace(/\/\*.*?\*\//gs, '').replace(/(^|\s)\/\/.*$/gm, '$1')
}
