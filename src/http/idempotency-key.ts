import { Type } from '@sinclair/typebox'

// Without quotes, backslashes and blanks there is nothing to unescape, and two headers, joined by ", ", are no key.
const text = '[!#-\\[\\]-~]{1,255}'
export const keyPattern = `^(${text}|"${text}")$`
export const mustBeKey = 'must be 1 to 255 visible ASCII characters without quotes and backslashes, such as a UUID'

/**
 * The header of draft-ietf-httpapi-idempotency-key-header-07: a quoted string there; most clients send it without quotes, and
 * mean the same.
 */
export const IdempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      maxLength: 257,
      pattern: keyPattern,
      description:
        'Makes a repeat safe: with the same key it gets the result of the first request, and nothing is added again. 1 to 255 visible ' +
        'ASCII characters without quotes and backslashes, such as a UUID, with or without `"` around; kept for 24 hours',
      examples: ['8e03978e-40d5-43dd-bc93-6894a57f9324'],
    }),
  ),
})

export function unquoted(key: string): string {
  return key.replaceAll('"', '')
}
