import { type Failed, UpstreamFailure } from './failures.ts'

// The members of upstream's responses, of all endpoints: what has one of them is no error text.
const responseMembers = [
  ...['kinopoiskId', 'filmId', 'personId', 'films', 'items', 'total', 'searchFilmsCountResult'],
  ...['dailyQuota', 'totalQuota'],
]

// As its API says it, and, in Russian, its documentation:
// "You exceeded the quota. You have sent 516 request, but available 500 per day", "Rate limit exceeded",
// "You don't have permissions. See …", "User … is inactive or deleted."
const meanings: [RegExp, Failed][] = [
  [/\bquota\b|\bper day\b|daily limit|квот|превышен лимит/i, 'quota'],
  [/rate limit|too many requests|слишком много запросов/i, 'rate_limited'],
  [/permission|api.?key|\btoken\b|unauthori[sz]ed|inactive or deleted|токен/i, 'rejected_key'],
]

/** The `message` of an error of upstream's: an object with a text, and with nothing of a response. */
export function errorText(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const { message } = value as { message?: unknown }
  if (typeof message !== 'string' || message.trim() === '') return undefined
  return responseMembers.some((member) => member in value) ? undefined : message
}

/** What an error text says under a status that does not: the quota, the rate, the key, or none of them. */
export function failureOfText(text: string): UpstreamFailure | undefined {
  const outcome = meanings.find(([words]) => words.test(text))?.[1]
  return outcome && new UpstreamFailure(outcome, new Error(`upstream's error text says ${outcome}`))
}

/** Whether the body of a 404 is upstream's own: a text of the API, not the page or the path of a server before it. */
export function isOwnNotFound(value: unknown): boolean {
  return errorText(value) !== undefined && !('path' in (value as object))
}
