/** A problem (RFC 9457) of the service, or `offline` when it could not be reached. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly faults: { path: string; message: string }[]
  readonly retryAfter: number | undefined

  constructor(
    status: number,
    code: string,
    detail: string,
    extras: { faults?: ApiError['faults']; retryAfter?: number | undefined } = {},
  ) {
    super(detail)
    this.status = status
    this.code = code
    this.faults = extras.faults ?? []
    this.retryAfter = extras.retryAfter
  }
}

export interface Call {
  method?: string | undefined
  /** Sent as JSON. */
  body?: unknown
  /** Sent as it is. */
  form?: FormData
  token?: string | undefined
  headers?: Record<string, string>
  signal?: AbortSignal | undefined
  credentials?: RequestCredentials
}

export interface Answer<T> {
  data: T
  headers: Headers
  status: number
}

/** One request to the service. @throws {ApiError} */
export async function send<T>(
  path: string,
  { method = 'GET', body, form, token, signal, ...call }: Call = {},
): Promise<Answer<T>> {
  const response = await fetch(path, {
    method,
    credentials: call.credentials ?? 'omit',
    headers: {
      accept: 'application/json',
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(token && { authorization: `Bearer ${token}` }),
      ...call.headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(form && { body: form }),
    ...(signal && { signal }),
  }).catch((error) => {
    throw isAbort(error) ? error : new ApiError(0, 'offline', 'The service cannot be reached')
  })
  if (!response.ok) throw await problemOf(response)
  return { data: (await read(response)) as T, headers: response.headers, status: response.status }
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}

/** From the answer that an upload got by XMLHttpRequest, or from a response's own. */
export function readProblem(status: number, text: string, retryAfter: string | null): ApiError {
  let problem: { code?: string; detail?: string; errors?: ApiError['faults'] } = {}
  try {
    problem = JSON.parse(text)
  } catch {
    // A proxy in front has answered.
  }
  const { code = `http_${status}`, detail = `HTTP ${status}`, errors = [] } = problem
  const seconds = Number(retryAfter)
  return new ApiError(status, code, detail, { faults: errors, retryAfter: seconds > 0 ? seconds : undefined })
}

async function problemOf(response: Response): Promise<ApiError> {
  return readProblem(response.status, await response.text().catch(() => ''), response.headers.get('retry-after'))
}

async function read(response: Response): Promise<unknown> {
  if (response.status === 204 || response.status === 304) return null
  const type = response.headers.get('content-type') ?? ''
  try {
    return await (type.includes('json') ? response.json() : response.blob())
  } catch (error) {
    throw isAbort(error) ? error : new ApiError(0, 'offline', 'The answer was cut off')
  }
}
