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
const cache = /^src\/cache\//
const catalogue = /^src\/catalogue\//
const filmIds = /^src\/catalogue\/film-ids\.ts$/
const config = /^src\/config\//
const configFile = /^src\/config\/config\.ts$/
const embedded = /^src\/embedded\//
const errors = /^src\/errors\.ts$/
const http = /^src\/http\//
const httpSchemas = /^src\/http\/schemas\.ts$/
const jsonPayload = /^src\/http\/json-payload\.ts$/
const text = /^src\/text\//
const semaphore = /^src\/semaphore\.ts$/
const plugins = /^src\/plugins\//
const services = /^src\/services\.ts$/
const moduleRoutes = /^src\/modules\/\w+\/(?:[\w-]+\/)?(?:[\w-]+-)?routes\.ts$/
const otherSchemas = /^src\/modules\/\w+\/(?:[\w-]+-)?schemas\.ts$/
const otherServices = /^src\/modules\/\w+\/service\.ts$/
const externals = /^src\/(kinopoisk|storage)\//
const own = (folder = '') => new RegExp(`^${folder}`)
// A repository is below the service: of its folder it has what is neither told to clients nor decided.
const ownParts = (folder = '') => new RegExp(`^${folder}(?!.*(?:routes|schemas|service)\\.ts$)`)

// The table of docs/architecture.md. The first row that fits a file is its rule.
const rules: Rule[] = [
  {
    from: /^src\/server\.ts$/,
    may: () => [/^src\/(app|instrument|terminal)\.ts$/, config, /^src\/db\/(migrate|errors)\.ts$/, embedded],
  },
  { from: /^src\/admin\.ts$/, may: () => [config, db, embedded, /^src\/modules\/auth\//] },
  { from: /^src\/instrument\.ts$/, may: () => [config, /^src\/db\/errors\.ts$/] },
  { from: /^src\/app\.ts$/, may: () => [plugins, services, /^src\/routes\.ts$/], types: [config] },
  { from: services, may: () => [/^src\/(?!server|admin|instrument|app\.|routes|embedded|plugins)/] },
  { from: /^src\/routes\.ts$/, may: () => [moduleRoutes, plugins, semaphore], types: [config, services] },
  { from: config, may: () => [config, text] },
  { from: /^src\/(errors|terminal)\.ts$/, may: () => [] },
  { from: text, may: () => [] },
  { from: semaphore, may: () => [errors] },
  { from: http, may: () => [http, errors, text] },
  { from: db, may: () => [db, text] },
  { from: /^src\/(?:cache|catalogue)\//, may: ([folder]) => [own(folder), db, text] },
  { from: /^src\/(?:storage|kinopoisk)\//, may: ([folder]) => [own(folder), db, cache, text, errors] },
  { from: embedded, may: () => [embedded] },
  { from: plugins, may: () => [db, cache, externals, http, errors] },
  {
    from: /^(src\/modules\/\w+\/(?:\w+\/)?)(?:[\w-]+-)?schemas\.ts$/,
    may: ([, folder]) => [
      httpSchemas,
      errors,
      filmIds,
      otherSchemas,
      own(`${folder}(?:[\\w-]+-)?schemas|${folder}format`),
    ],
  },
  // What asks the database is a repository by whatever name it goes.
  {
    from: /^(src\/modules\/\w+\/)(?:\w+\/)?(?:[\w-]+-)?(?:repository|query|columns|lock)\.ts$/,
    may: ([, folder]) => [db, catalogue, ownParts(folder)],
    never: /^(@?fastify|undici)\b/,
  },
  {
    from: /^(src\/modules\/\w+\/).*routes\.ts$/,
    may: ([, folder]) => [own(folder), http, errors, semaphore, otherSchemas, /^src\/plugins\/auth\.ts$/],
    types: [otherServices],
    never: /^(drizzle-orm|postgres|undici)\b/,
  },
  {
    from: /^(src\/modules\/\w+\/)/,
    may: ([, folder]) => [own(folder), errors, text, cache, semaphore, jsonPayload, filmIds],
    types: [otherServices, otherSchemas, externals, db],
    never: /^(@?fastify|drizzle-orm|postgres|undici)\b/,
  },
]

const longest = 250
const entries = /^src\/(server|admin)\.ts$/

/** All breaks of the house's rules, one line each; the same for a tree on disk and for one made up by a test. */
export function breaksIn(sources: Source[]): string[] {
  const breaks = sources.flatMap((source) => {
    const code = withoutComments(source.text)
    const isOurs = source.path.startsWith('src/')
    return [
      ...anyBreaks(source.path, code),
      ...(isOurs ? [...importBreaks(source.path, code), ...habitBreaks(source, code)] : []),
    ]
  })
  return [...breaks, ...circleBreaks(sources)]
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

/** Files that import each other, by types or values, over however many others. */
function circleBreaks(sources: Source[]): string[] {
  const imports = new Map(sources.map(({ path, text }) => [path, importsOf(path, withoutComments(text))]))
  const reachable = new Map([...imports.keys()].map((path) => [path, reach(path)]))
  const circles = [...reachable].flatMap(([path, reached]) =>
    reached.has(path) ? [[...reached].filter((other) => reachable.get(other)?.has(path)).toSorted()] : [],
  )
  return [...new Set(circles.map((circle) => `${circle.join(', ')}: a circle of imports`))]

  function reach(from: string): Set<string> {
    const reached = new Set<string>()
    const open = [from]
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      for (const { target } of imports.get(path) ?? []) {
        if (!imports.has(target) || reached.has(target)) continue
        reached.add(target)
        open.push(target)
      }
    }
    return reached
  }
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
      !configFile.test(path) &&
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
