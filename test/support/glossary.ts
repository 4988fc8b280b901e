import { type Source, withoutComments } from './architecture.ts'

/** What a name must not be made of, with the term to use: the third column of the tables of docs/glossary.md. */
export function forbiddenWords(markdown: string): Map<string, string> {
  const rows = [...markdown.matchAll(/^\|([^|]+)\|[^|]+\|([^|]*)\|\s*$/gm)]
  const words = rows.flatMap(([, term = '', others = '']) =>
    others
      .split(',')
      .map((word) => word.trim())
      .filter((word) => /^\w+$/.test(word))
      .map((word) => [word.toLowerCase(), term.trim()] as const),
  )
  return new Map(words)
}

/** File names and identifiers with such a word, one line each; `allowed` are whole names. */
export function misnamed(sources: Source[], words: Map<string, string>, allowed: ReadonlySet<string>): string[] {
  const found = sources.flatMap(({ path, text }) => {
    const names = new Set([path, ...identifiersIn(text)].filter((name) => !allowed.has(name)))
    return [...names].flatMap((name) =>
      wordsOf(name)
        .filter((word) => words.has(word))
        .map((word) => `${name === path ? path : `${path}: ${name}`} has "${word}", which is "${words.get(word)}"`),
    )
  })
  return [...new Set(found)]
}

/** `createFilmCache`, `film_cache` and `film-cache.ts` are made of the same words. */
function wordsOf(name: string): string[] {
  return (name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g) ?? []).map((word) => word.toLowerCase())
}

function identifiersIn(text: string): string[] {
  return withoutTexts(withoutComments(text)).match(/[A-Za-z_$][\w$]*/g) ?? []
}

/** Code without strings and the text of templates; what stands in `${}` stays. */
function withoutTexts(code: string): string {
  let rest = ''
  // The quotes of the texts, and the braces of the code, that are open here.
  const open: string[] = []
  for (let i = 0; i < code.length; i++) {
    const char = code[i] as string
    const quote = open.at(-1) ?? '{'
    if (quote === '{') {
      if (/['"`{]/.test(char)) open.push(char)
      else if (char === '}') open.pop()
      rest += /['"`]/.test(char) ? ' ' : char
    } else if (char === '\\') i++
    else if (quote === '`' && char === '$' && code[i + 1] === '{') {
      open.push('{')
      i++
    } else if (char === quote || (char === '\n' && quote !== '`')) open.pop()
  }
  return rest
}
