/** The one table of error codes: status and title of each. The code is the stable part of the contract. */
export const errorCodes = {
  invalid_input: [400, 'The request does not fit the schema'],
  malformed_json: [400, 'The body is not valid JSON'],
  bad_request: [400, 'The request cannot be understood'],
  invalid_csv: [400, 'The file is not a CSV of films'],
  weak_password: [400, 'The password is too weak'],
  wrong_password: [400, 'The password is wrong'],
  invalid_reset_token: [400, 'The reset token is not valid'],
  missing_token: [401, 'A bearer token is needed'],
  invalid_token: [401, 'The token is not valid'],
  invalid_key: [401, 'The personal key is not valid'],
  invalid_credentials: [401, 'Wrong login or password'],
  upstream_budget_spent: [402, 'The budget of the personal key is spent'],
  forbidden: [403, 'Not allowed for this role'],
  foreign_page: [403, 'Only for pages of this service'],
  key_not_allowed: [403, 'Not allowed with this personal key'],
  not_found: [404, 'Not found'],
  user_not_found: [404, 'No such user'],
  movie_not_found: [404, 'No such movie'],
  film_not_found: [404, 'No such film'],
  rating_not_found: [404, 'Not rated by this user'],
  genre_not_found: [404, 'No such genre'],
  person_not_found: [404, 'No such person'],
  director_not_found: [404, 'No such director'],
  session_not_found: [404, 'No such session of this user'],
  key_not_found: [404, 'No such key of this user'],
  photo_not_found: [404, 'There is no photo'],
  picture_not_found: [404, 'There is no picture of the film'],
  method_not_allowed: [405, 'Method not allowed'],
  request_timeout: [408, 'The request did not come in time'],
  login_taken: [409, 'The login is taken'],
  last_admin: [409, 'Nobody else is an administrator'],
  account_blocked: [409, 'The account is blocked'],
  film_exists: [409, 'A film of this name is in the catalogue'],
  genre_taken: [409, 'A genre of this name exists'],
  genre_in_use: [409, 'Films have this genre'],
  director_in_use: [409, 'Films have this director'],
  too_many_keys: [409, 'The user has as many keys as there may be'],
  list_full: [409, 'The list has as many films as it can hold'],
  import_running: [409, 'Another import is running'],
  payload_too_large: [413, 'The body is too large'],
  unsupported_media_type: [415, 'Unsupported content type'],
  unknown_reference: [422, 'The request refers to what does not exist'],
  idempotency_key_reused: [422, 'The idempotency key was used for another request'],
  film_incomplete: [422, 'Kinopoisk does not tell enough about the film'],
  too_many_requests: [429, 'Too many requests'],
  headers_too_large: [431, 'The request headers are too large'],
  internal_error: [500, 'Internal error'],
  upstream_bad_response: [502, 'Kinopoisk sent an answer that cannot be used'],
  upstream_rejected_key: [502, 'Kinopoisk rejected the API key'],
  overloaded: [503, 'The service is overloaded'],
  database_unavailable: [503, 'The database is unavailable'],
  storage_unavailable: [503, 'The storage of photos is unavailable'],
  picture_unavailable: [503, 'The picture cannot be fetched now'],
  shutting_down: [503, 'The service is shutting down'],
  upstream_quota_exhausted: [503, 'The Kinopoisk quota is exhausted'],
  upstream_rate_limited: [503, 'Kinopoisk limits the rate of calls'],
  upstream_unavailable: [503, 'Kinopoisk is unavailable'],
  upstream_timeout: [504, 'Kinopoisk did not answer in time'],
} as const satisfies Record<string, readonly [status: number, title: string]>

export type ErrorCode = keyof typeof errorCodes

/** True for states that are expected to occur: no fault of ours, nothing that a stack explains, and many at once. */
export function isExpected(code: ErrorCode): boolean {
  return errorCodes[code][0] > 500
}

export interface InputFault {
  path: string
  message: string
}

interface ErrorExtras {
  detail?: string
  errors?: InputFault[]
  headers?: Record<string, string>
  cause?: unknown
}

/** An error that a client sees. `detail` says what to change; it must hold no secret and no driver text. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly statusCode: number
  readonly errors: InputFault[] | undefined
  readonly headers: Record<string, string>

  constructor(code: ErrorCode, extras: ErrorExtras = {}) {
    const [status, title] = errorCodes[code]
    super(extras.detail ?? title, { cause: extras.cause })
    this.name = 'AppError'
    this.code = code
    this.statusCode = status
    this.errors = extras.errors
    this.headers = { ...defaultHeaders(status), ...extras.headers }
  }
}

/** One fault of the input, for what a schema can't say. `path` is e.g. `body.login`. */
export function inputFault(path: string, message: string): AppError {
  return new AppError('invalid_input', { detail: `${path} ${message}`, errors: [{ path, message }] })
}

/** Why upstream gave no response. */
export function isUpstream(error: unknown): error is AppError {
  return error instanceof AppError && error.code.startsWith('upstream_')
}

/** `list` is a name that clients know, such as `favorites`. */
export function listFull(list: string, max: number): AppError {
  return new AppError('list_full', {
    detail: `A list holds up to ${max} films: remove some from your ${list} before you add others`,
  })
}

function defaultHeaders(status: number): Record<string, string> {
  if (status === 401) return { 'www-authenticate': 'Bearer' }
  if ([429, 503, 504].includes(status)) return { 'retry-after': '5' }
  return {}
}
