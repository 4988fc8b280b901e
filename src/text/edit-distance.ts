/** How many slips are forgiven in a word, or a query of words; none where looking for them would take long. */
export function maxEdits(words: string): number {
  const { length } = [...words]
  if (length < 4 || length > 100) return 0
  return length < 6 ? 1 : length < 12 ? 2 : 3
}

/**
 * How many slips `words` are from some part of `text`, as a whole or each of them wherever it is; infinite when there are
 * more than can be forgiven.
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
 * The least number of slips (a character too many, too few, wrong, or two swapped) that make `query` of some part of
 * `text` (Sellers' algorithm with swaps).
 */
function substringEdits(query: string, text: string): number {
  const wanted = [...query]
  let before: number[] = []
  // How many slips the first i characters of the query need so as to end where the text has been read to.
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
