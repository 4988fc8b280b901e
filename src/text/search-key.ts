// What shows nothing: zero-width characters, soft hyphens, marks of direction, variation selectors. A joiner before an
// emoji stays: it makes one picture of two.
const invisible = /\u200D(?!\p{Extended_Pictographic})|(?!\u200D)\p{Default_Ignorable_Code_Point}/gu
const spaces = /[\s\p{Cc}]+/gu
const ending = /[\s.,!?;:…]+$/u
const content = /[^\s\p{P}]/u

const pairs = new Set([
  '«»',
  '»«',
  '„“',
  '„”',
  '“”',
  '””',
  '““',
  '""',
  "''",
  '‘’',
  '‚‘',
  '’’',
  '‹›',
  '()',
  '[]',
  '{}',
  '<>',
])

/** The text with single spaces and without characters that show nothing; a text of these alone as it is. */
export function toVisible(text: string): string {
  return text.normalize('NFC').replace(invisible, '').replace(spaces, ' ').trim() || text.trim()
}

/**
 * What queries have in common that are one request: they differ in case, spaces, invisible characters, Unicode form,
 * punctuation at the end, or in a pair of quotes or brackets around the whole. Half a pair stays, and so does `%`.
 */
export function toSearchKey(query: string): string {
  // İ in lower case is two characters, of which no title has the second.
  let key = toVisible(query).toLowerCase().replaceAll('i\u0307', 'i')
  for (let shorter = shorten(key); shorter !== key; shorter = shorten(key)) key = shorter
  return key
}

function shorten(key: string): string {
  const shorter = withoutPair(key).replace(ending, '').trim()
  return content.test(shorter) ? shorter : key
}

function withoutPair(text: string): string {
  const open = text.charAt(0)
  const close = text.charAt(text.length - 1)
  const inner = text.slice(1, -1)
  return pairs.has(open + close) && isWhole(inner, open, close) ? inner : text
}

/** Whether the pair around `inner` is one, and not the halves of two: `(a) or (b)`. */
function isWhole(inner: string, open: string, close: string): boolean {
  if (open === close) return !inner.includes(open)
  let depth = 0
  for (const char of inner) {
    if (char === open) depth += 1
    if (char === close) depth -= 1
    if (depth < 0) return false
  }
  return depth === 0
}
