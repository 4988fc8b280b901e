import { type Failed, UpstreamFailure } from './failures.ts'

// The members of upstream's responses, of all endpoints: what has something in one of them is no error text.
const responseMembers = ['kinopoiskId', 'filmId', 'personId', 'films', 'items', 'dailyQuota', 'totalQuota']

// As its API says it, and, in Russian, its documentation:
// "You exceeded the quota. You have sent 516 request, but available 500 per day", "Rate limit exceeded",
// "You don't have permissions. See …", "User … is inactive or deleted."
const meanings: [RegExp, Failed][] = [
  [/\bquota\b|\bper day\b|daily limit|квот|превышен лимит/i, 'quota'],
  [/rate limit|too many requests|слишком много запросов/i, 'rate_limited'],
  [/permission|api.?key|\btoken\b|unauthori[sz]ed|inactive or deleted|токен/i, 'rejected_key'],
]
// The text of a 404 is of one question, whose words may stand in it: it says such a thing only where it begins so.
const sentences =
  /^(you exceeded the quota|rate limit exceeded|you don.t have permission|user (\S+@\S+ )?is inactive or deleted)/i

const nothing = /не найден|not found/i
// Of a server before upstream, or of one in its place.
const ofAddress = /no route|\broute\b.*not found|cannot get|at this address|\/api\//i

/**
 * The text of an error of upstream's: an object with a `message`, or an `error`, and with nothing of a response. A
 * message that nothing was found, beside an empty list, is none.
 */
export function errorText(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const members = value as Record<string, unknown>
  const name = ['message', 'error'].find((each) => String(members[each] ?? '').trim() !== '')
  const text = name && members[name]
  if (typeof text !== 'string') return undefined
  const present = responseMembers.map((member) => members[member] ?? null).filter((member) => member !== null)
  if (present.some((member) => !Array.isArray(member) || member.length > 0)) return undefined
  return name === 'message' && present.length > 0 && nothing.test(text) ? undefined : text
}

/** What an error text says under a status that does not: the quota, the rate, the key, or none of them. */
export function failureOfText(text: string, status: 200 | 404): UpstreamFailure | undefined {
  if (status === 404 ? !sentences.test(text.trim()) : nothing.test(text)) return undefined
  const outcome = meanings.find(([words]) => words.test(text))?.[1]
  return outcome && new UpstreamFailure(outcome, new Error(`upstream's error text says ${outcome}`))
}

/** Whether the body of a 404 is upstream's own: a `message` and nothing else, which is not about an address. */
export function isOwnNotFound(value: unknown): boolean {
  const text = errorText(value)
  return text !== undefined && Object.keys(value as object).join() === 'message' && !ofAddress.test(text)
}
