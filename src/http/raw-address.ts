const maxBytes = 2000
const lineFeed = 10

/**
 * The address of a request line that is not HTTP because of characters that must be encoded: the same address, encoded. For
 * the words of an error alone: nothing in the bytes is ever served. `at` is where in the bytes they stopped to be HTTP.
 * Undefined where the line is not whole, too long, not UTF-8, or has another fault.
 */
export function encodedAddress(bytes: Uint8Array, at: number): string | undefined {
  const start = at > 0 ? bytes.lastIndexOf(lineFeed, at - 1) + 1 : 0
  const end = bytes.indexOf(lineFeed, at)
  if (end < 0 || end - start > maxBytes) return undefined
  const [, address = ''] = /^[A-Z]+ (\/.*\S) HTTP\/1\.[01]\r?$/.exec(decode(bytes.subarray(start, end)) ?? '') ?? []
  const encoded = address.replace(/[^\x21-\x7e]+/g, encodeURIComponent)
  return encoded === address ? undefined : encoded
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}
