interface Header {
  description: string
  schema: Record<string, unknown>
  example: unknown
}

const text = (description: string, example: string): Header => {
  return { description, schema: { type: 'string', maxLength: 4096 }, example }
}
const seconds = (description: string, example: number): Header => {
  return { description, schema: { type: 'integer', format: 'int32', minimum: 0, maximum: 2_147_483_647 }, example }
}

/** What responses say in headers: `components.headers` of the document. */
export const headers = {
  ETag: text(
    'The version of this representation. Sent back as `If-None-Match`, it gets 304 as long as nothing has changed',
    '"u8vXn1lWZq0b3nP5S1bq3m0gk1A"',
  ),
  'Cache-Control': text(
    'How long a client may use the answer without asking again; `no-store`: it must not be kept',
    'private, no-cache',
  ),
  Link: text(
    'The neighbours of the page (RFC 8288), as far as there are any: `first`, `prev`, `next`, `last`',
    '</films?page=1>; rel="first", </films?page=3>; rel="next"',
  ),
  'X-Total-Count': {
    description: 'How many items there are on all pages; only with `page`',
    schema: { type: 'integer', format: 'int32', minimum: 0, maximum: 2_147_483_647 },
    example: 41,
  },
  Location: {
    description: 'The address of what was made, or where the answer is',
    schema: { type: 'string', format: 'uri-reference', maxLength: 4096 },
    example: '/films/1000000000',
  },
  'Content-Disposition': text('The name of the file to save it as', 'attachment; filename="films-2026-11-20.csv"'),
  Age: seconds('How old the answer of Kinopoisk is, in seconds (RFC 9111)', 3600),
  'Cache-Status': text(
    'How the answer came about (RFC 9211): `hit` out of what is kept, `fwd` by asking Kinopoisk',
    'kinoteka; hit; ttl=82800',
  ),
  'Retry-After': seconds('Seconds to wait before the same request may succeed', 5),
  RateLimit: text('What is left (`r`), and for how many seconds (`t`), by the policy of that name', '"login";r=0;t=60'),
  'RateLimit-Policy': text('How many requests (`q`) a window of `w` seconds has', '"login";q=10;w=900'),
  'WWW-Authenticate': text('How to authenticate (RFC 6750)', 'Bearer'),
} as const satisfies Record<string, Header>

export type HeaderName = keyof typeof headers

/** Those that responses of a status have, whichever operation it is. */
export function headersOfStatus(status: number): HeaderName[] {
  if (status === 304) return ['ETag']
  if (status === 401) return ['WWW-Authenticate']
  if (status === 429) return ['Retry-After', 'RateLimit', 'RateLimit-Policy']
  return [503, 504].includes(status) ? ['Retry-After'] : []
}

export function referTo(names: readonly HeaderName[]): Record<string, { $ref: string }> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}
