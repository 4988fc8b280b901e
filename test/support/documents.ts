import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { repository } from './process.ts'

/** A page of the documentation: its path from the repository's root, and its text. */
export interface Page {
  path: string
  text: string
}

export function pageOf(path: string): Page {
  return { path, text: readFileSync(join(repository, path), 'utf8') }
}

/** Every Markdown file that is ours. */
export function allPages(): Page[] {
  return walk('.')
    .filter((path) => path.endsWith('.md'))
    .map(pageOf)
}

const notOurs = /^(node_modules|coverage|\.(?!ci$).*)$/

function walk(folder: string): string[] {
  return readdirSync(join(repository, folder), { withFileTypes: true })
    .filter(({ name }) => !notOurs.test(name))
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      return entry.isDirectory() ? walk(path) : [path]
    })
}

/** The first code block of a language below a heading. */
export function codeBelow({ text }: Page, heading: string, language: string): string {
  const section = text.slice(text.indexOf(`\n${heading}\n`))
  const [, code = ''] = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'ms').exec(section) ?? []
  return code
}

/** The rows of all tables whose header begins with `first`, each as its cells. */
export function rowsOf({ text }: Page, first: string): string[][] {
  const rows: string[][] = []
  let isMeant = false
  let isHeader = true
  for (const line of withoutCode(text).split('\n')) {
    if (!line.startsWith('|')) {
      isHeader = true
      continue
    }
    const cells = cellsOf(line)
    if (isHeader) isMeant = cells[0] === first
    else if (isMeant && !/^:?-+:?$/.test(cells[0] ?? '')) rows.push(cells)
    isHeader = false
  }
  return rows
}

function cellsOf(line: string): string[] {
  return line
    .trim()
    .replace(/^\||\|$/g, '')
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim())
}

/** The names in backticks of a cell. */
export function namesIn(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string)
}

/** What of a page's relative links leads nowhere: to no file, or to no heading of it. */
export function brokenLinks(page: Page, pages: Map<string, Page>): string[] {
  const targets = [...withoutCode(page.text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target as string)
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [file = '', anchor] = target.split('#')
      const path = file === '' ? page.path : normalize(join(dirname(page.path), file))
      if (path !== page.path && !exists(path)) return true
      const linked = path === page.path ? page : pages.get(path)
      return anchor !== undefined && !(linked && anchorsOf(linked).has(anchor))
    })
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf({ text }: Page): Set<string> {
  const seen = new Map<string, number>()
  const anchors = [...withoutCode(text).matchAll(/^#+ +(.+?) *$/gm)].map(([, heading = '']) => {
    const shown = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    const anchor = shown
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
      .replaceAll(' ', '-')
    const times = seen.get(anchor) ?? 0
    seen.set(anchor, times + 1)
    return times === 0 ? anchor : `${anchor}-${times}`
  })
  return new Set(anchors)
}

function withoutCode(text: string): string {
  return text.replace(/^```.*?^```/gms, '')
}

function exists(path: string): boolean {
  return statSync(join(repository, path), { throwIfNoEntry: false }) !== undefined
}

/** A folder and all below it, as far as there are files in them. */
export function foldersIn(folder: string): string[] {
  const found = new Set<string>()
  for (const path of walk(folder)) {
    for (let parent = dirname(path); parent.startsWith(folder); parent = dirname(parent)) found.add(parent)
  }
  return [...found]
}

/** The paths of this repository that a page names in its text, and that are not there. */
export function missingPaths({ text }: Page): string[] {
  const named = [...withoutCode(text).matchAll(/`((?:src|test|docs|deploy|drizzle|bench|grafana|patches)\/[\w./-]+)`/g)]
  return named.map(([, path]) => path as string).filter((path) => !exists(path))
}
