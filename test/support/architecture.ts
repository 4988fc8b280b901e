import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { configFile, rules } from './arrows.ts'
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

const maxLines = 250
// A start is a command of the command line; nothing else imports an entry.
const entries = /^src\/(cli|server)\.ts$/

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
      if (entries.test(target)) return path !== 'src/cli.ts'
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
    [`is longer than ${maxLines} lines`]: text.trimEnd().split('\n').length > maxLines,
    'is a barrel': /(^|\/)index\.[cm]?[jt]s$/.test(path) || /^\s*export\s+\*/m.test(code),
    'makes a Fastify of its own': path !== 'src/app.ts' && /\b[Ff]astify\(\s*[{)]/.test(code),
  }
  return Object.entries(breaks).flatMap(([fault, broken]) => (broken ? [`${path} ${fault}`] : []))
}

export function withoutComments(text: string): string {
  return text.replace(/\/\*.*?\*\//gs, '').replace(/(^|\s)\/\/.*$/gm, '$1')
}
