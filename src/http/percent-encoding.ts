import { parse } from 'node:querystring'
import { AppError } from '../errors.ts'

const replaced = '\u{fffd}'

/** False for escapes of another charset, such as `%CC%E0%F2`. A sign of percent that is no escape, as in `q=100%`, is text. */
export function isPercentEncodedUtf8(text: string): boolean {
  if (!text.includes('%')) return true
  try {
    decodeURIComponent(text.replace(/%(?![\da-f]{2})/gi, '%25'))
    return true
  } catch {
    return false
  }
}

/** For @fastify/formbody, whose own parser takes other charsets as text, or puts U+FFFD in the place of bytes that are not encoded. */
export const forms = {
  parser(text: string): Record<string, unknown> {
    if (text.includes(replaced) || !isPercentEncodedUtf8(text)) {
      throw new AppError('bad_request', { detail: 'The form must be percent-encoded UTF-8' })
    }
    return { ...parse(text) }
  },
}
