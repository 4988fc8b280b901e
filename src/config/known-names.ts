// Whole families are ours; of other names those that are nearly one of ours.
const families = ['KINOPOISK_', 'S3_', 'ADMIN_']
// Kubernetes sets these for every service that is called so.
const foreign = /_SERVICE_|_PORT(_|$)/
const shortest = 6
const near = 2

/** A line for each of `names` that nobody reads, though it looks like one of `known`. Never a value. */
export function misspelt(names: string[], known: string[]): string[] {
  return names
    .filter((name) => !known.includes(name) && !foreign.test(name))
    .flatMap((name) => {
      if (name.length < shortest) return []
      if (known.includes(name.toUpperCase())) return lineFor(name, [name.toUpperCase()])
      const family = known.filter((each) =>
        families.some((prefix) => name.startsWith(prefix) && each.startsWith(prefix)),
      )
      const nearly = known.filter((each) => isNearly(name, each, family.includes(each)))
      const meant = nearly.length > 0 ? nearly : family
      return meant.length > 0 ? lineFor(name, meant) : []
    })
}

function lineFor(name: string, meant: string[]): [string] {
  return [`${name} is set, but nothing reads it. Is ${meant.join(' or ')} meant?`]
}

/** In a family also with words left out; elsewhere with words between the first and the last. */
function isNearly(name: string, known: string, isFamily: boolean): boolean {
  if (hasWordsBetween(name.split('_'), known.split('_'))) return true
  const longer = known.length - name.length
  if (!isFamily && Math.abs(longer) > near) return false
  const apart = distance(name, known)
  return apart <= near || (isFamily && apart === longer)
}

/** ACCESS_TOKEN_TTL for ACCESS_TTL. */
function hasWordsBetween(words: string[], known: string[]): boolean {
  const isSame = known.length > 1 && words[0] === known[0] && words.at(-1) === known.at(-1)
  return isSame && words.length > known.length && known.every((word) => words.includes(word))
}

/** How many characters must be taken out of both so that they are the same. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (const [i, char] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries()) {
      next.push(char === other ? (row[j] ?? 0) : 1 + Math.min(row[j + 1] ?? 0, next[j] ?? 0))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
