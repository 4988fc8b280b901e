import { type ErrorCode, errorCodes } from '../../errors.ts'

const codes = Object.keys(errorCodes) as ErrorCode[]

/** The codes that a description names as `` `code`: ``, in the order of the table. */
export function codesIn(description: string): ErrorCode[] {
  const named = new Set([...description.matchAll(/`([a-z_]+)`:/g)].map((match) => match[1]))
  return codes.filter((code) => named.has(code))
}

export function describeCodes(some: readonly ErrorCode[]): string {
  return some.map((code) => `\`${code}\`: ${errorCodes[code][1]}`).join('. ')
}

/** What a response with one of these codes is called: by the code, or by the status and the codes that not all of it have. */
export function responseName(status: number, some: readonly ErrorCode[]): string {
  const [only] = some
  if (some.length === 1 && only) return pascal(only)
  const usual = usualCodes[status] ?? []
  const special = some.filter((code) => !usual.includes(code))
  const fromUpstream = special.filter((code) => code.startsWith('upstream_'))
  const parts =
    fromUpstream.length > 1 ? [...special.filter((code) => !fromUpstream.includes(code)), 'upstream'] : special
  return (statusNames[status] ?? `Status${status}`) + parts.map(pascal).join('')
}

/** An example of each code, as a program gets it. */
export function problemExamples(): Record<string, { value: object }> {
  return Object.fromEntries(codes.map((code) => [code, { value: problemExample(code) }]))
}

function problemExample(code: ErrorCode): object {
  const [status, title] = errorCodes[code]
  const fault = { path: 'body.password', message: 'must NOT have fewer than 8 characters' }
  const detail = details[code] ?? title
  return {
    type: `/problems/${code}`,
    title,
    status,
    detail,
    instance: instances[code] ?? '/films/301',
    code,
    message: detail,
    request_id: 'f3a1c2d4-7a77-4d0e-9c5e-0b8f7f0f5d3a',
    ...(code === 'invalid_input' && { errors: [fault] }),
  }
}

const details: Partial<Record<ErrorCode, string>> = {
  invalid_input: 'body.password must NOT have fewer than 8 characters',
  unknown_reference: 'director_id: there is no director 999',
  list_full: 'A list holds up to 20000 films: remove some from your favorites before you add others',
}

const instances: Partial<Record<ErrorCode, string>> = {
  invalid_input: '/auth/register',
  weak_password: '/auth/register',
  login_taken: '/auth/register',
  invalid_credentials: '/auth/login',
  too_many_requests: '/auth/login',
  wrong_password: '/user/password',
  invalid_reset_token: '/auth/reset',
  invalid_csv: '/films/import',
  import_running: '/films/import',
  person_not_found: '/people/1',
  genre_not_found: '/genres/99',
  genre_in_use: '/genres/1',
  director_not_found: '/directors/99',
  director_in_use: '/directors/1',
  photo_not_found: '/directors/1/photo',
  list_full: '/movies/favorites',
}

const statusNames: Record<number, string> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  402: 'PaymentRequired',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  422: 'Unprocessable',
  502: 'BadGateway',
  503: 'Unavailable',
}

const usualCodes: Record<number, readonly ErrorCode[]> = {
  400: ['invalid_input', 'bad_request'],
  401: ['missing_token', 'invalid_token', 'invalid_key'],
  403: ['key_not_allowed'],
  503: ['overloaded', 'database_unavailable', 'shutting_down'],
}

export function pascal(words: string): string {
  return words.replace(/(?:^|[_-])(\w)/g, (_, letter: string) => letter.toUpperCase())
}
