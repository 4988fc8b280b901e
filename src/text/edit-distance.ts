/** The edits that a word, or a query of words, may have; none for queries that are too short, or too long to compare. */
export function maxEdits(words: string): number {
  const { length } = [...words]
  if (length < 4 || length > 100) return 0
  return length < 6 ? 1 : length < 12 ? 2 : 3
}

/**
 * The edit distance from `words` to some part of `text`: of all words together, or the sum of each on its own; infinite
 * above the allowed edits.
 */
export function distance(words: string, text: string): number {
  const each = words.split(' ').map((word) => allowedEdits(word, text))
  return Math.min(
    allowedEdits(words, text),
    each.reduce((sum, edits) => sum + edits, 0),
  )
}

function allowedEdits(part: string, text: string): number {
  const count = substringEdits(part, text)
  return count <= maxEdits(part) ? count : Number.POSITIVE_INFINITY
}

/**
 * The least number of edits (a character inserted, missing, replaced, or two swapped) that make `query` of some part of
 * `text` (Sellers' algorithm with swaps).
 */
function substringEdits(query: string, text: string): number {
  const wanted = [...query]
  let before: number[] = []
  // The edits of the first i characters of the query against what ends at the present character of the text.
  let now = wanted.map((_, i) => i).concat(wanted.length)
  let best = wanted.length
  let last = ''
  for (const char of text) {
    const next = [0]
    for (let i = 1; i <= wanted.length; i++) {
      const same = wanted[i - 1] === char
      let least = Math.min(at(now, i - 1) + (same ? 0 : 1), at(now, i) + 1, at(next, i - 1) + 1)
      if (i > 1 && wanted[i - 1] === last && wanted[i - 2] === char) least = Math.min(least, at(before, i - 2) + 1)
      next.push(least)
    }
    best = Math.min(best, at(next, wanted.length))
    before = now
    now = next
    last = char
  }
  return best
}

function at(row: number[], i: number): number {
  return row[i] ?? Number.POSITIVE_INFINITY
}
