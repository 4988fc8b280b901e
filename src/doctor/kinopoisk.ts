import { accountRequest } from '../kinopoisk/endpoints.ts'
import { type Failed, UpstreamFailure } from '../kinopoisk/failures.ts'
import { createUpstream } from '../kinopoisk/http.ts'
import type { AccountResponse } from '../kinopoisk/schemas.ts'
import { type Checked, failed, ok, warning } from './finding.ts'

const wrongKey =
  'Kinopoisk does not take KINOPOISK_API_KEY. Copy it anew from the profile at kinopoiskapiunofficial.tech'
const advice: Record<Failed, Checked> = {
  rejected_key: failed(wrongKey),
  quota: warning(
    'the quota is spent: what is stored is served until it begins anew. A larger plan, or patience, helps',
  ),
  rate_limited: warning('Kinopoisk limits the rate of calls at this moment. Run this again in a minute'),
  server_error: warning('Kinopoisk is in trouble: what is stored is served meanwhile. Run this again later'),
  timeout: failed('Kinopoisk does not answer in time. Check KINOPOISK_URL, and the way out of this network'),
  connection: failed('no connection to Kinopoisk. Check KINOPOISK_URL, DNS and the firewall of this machine'),
  bad_response: failed('what answers at KINOPOISK_URL is not the API of Kinopoisk. Check it'),
}

/** By the call for the key's account, which costs nothing of its quota. */
export async function checkKinopoisk(
  { url, apiKey }: { url: string; apiKey: string | undefined },
  limitMs: number,
): Promise<Checked> {
  if (!apiKey) return ok('no key: the built-in sandbox answers. Set KINOPOISK_API_KEY to ask the real one')
  const clock = { now: () => new Date(), random: Math.random }
  const upstream = createUpstream({ url, apiKey, timeoutMs: limitMs }, clock)
  try {
    const deadline = performance.now() + limitMs
    const { value } = await upstream.fetch(accountRequest(apiKey), { purpose: 'refresh', deadline })
    return value ? describe(value) : failed(wrongKey)
  } catch (error) {
    if (error instanceof UpstreamFailure) return advice[error.outcome]
    throw error
  } finally {
    await upstream.close()
  }
}

function describe({ dailyQuota, totalQuota }: AccountResponse): Checked {
  const today = { value: dailyQuota.value, used: dailyQuota.used ?? 0 }
  const inAll = { value: totalQuota?.value ?? -1, used: totalQuota?.used ?? 0 }
  const parts = [
    today.value > 0 ? `${today.used} of ${today.value} calls of today are used` : 'no limit a day',
    ...(inAll.value > 0 ? [`${inAll.used} of ${inAll.value} in all`] : []),
  ]
  const isSpent = [today, inAll].some(({ value, used }) => value > 0 && used >= value)
  return isSpent ? warning(`${parts.join(', ')}: ${advice.quota.message}`) : ok(`the key works; ${parts.join(', ')}`)
}
