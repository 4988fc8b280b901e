import createClient from 'openapi-fetch'

/**
 * A client of one user. It sends the access token with every request, and a new one after a refresh when the old one has
 * ended: requests that meet the end at the same time share one refresh.
 */
export function createKinoteka({ baseUrl, tokens, apiKey, onTokens = () => {}, fetch = globalThis.fetch }) {
  let current = tokens
  let refreshing

  const client = createClient({ baseUrl, fetch: send })

  async function send(request) {
    const spare = request.clone()
    const sent = current
    const response = await fetch(authorised(request, sent))
    if (response.status !== 401 || !sent?.refresh_token) return response
    const problem = await response.clone().json()
    if (problem.code !== 'invalid_token') return response
    if (current === sent && !(await refresh(sent))) return response
    return fetch(authorised(spare, current))
  }

  function authorised(request, pair) {
    if (apiKey) request.headers.set('x-api-key', apiKey)
    else if (pair) request.headers.set('authorization', `Bearer ${pair.access_token}`)
    return request
  }

  async function refresh({ refresh_token }) {
    refreshing ??= renew(refresh_token).finally(() => {
      refreshing = undefined
    })
    return refreshing
  }

  async function renew(refresh_token) {
    const answer = await fetch(
      new Request(new URL('/auth/login', baseUrl), {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ refresh_token }),
      }),
    )
    if (answer.ok) await keep(await answer.json())
    // Ended by a log-out, a new password or its age. Else the service could not say: the pair may still be good.
    else if (answer.status === 401) await keep(undefined)
    return answer.ok
  }

  async function keep(pair) {
    current = pair
    await Promise.resolve(onTokens(pair))
  }

  return Object.assign(client, {
    async logIn(login, password) {
      const answer = await client.POST('/auth/login', { body: { login, password } })
      if (answer.data) await keep(answer.data)
      return answer
    },
    async logOut() {
      const answer = await client.POST('/auth/logout')
      await keep(undefined)
      return answer
    },
  })
}
