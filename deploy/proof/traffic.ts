import { setTimeout as sleep } from 'node:timers/promises'
import { picture } from '../../test/support/pictures.ts'

const password = 'correct horse battery'

/** Speaks to one address as one user. */
export function createClient(base: () => string) {
  let token = ''
  let refreshToken = ''
  async function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const form = body instanceof FormData
    const response = await fetch(base() + path, {
      method,
      headers: {
        // Of many addresses, so that the throttle of one is not met by chance.
        'x-forwarded-for': `10.${byte()}.${byte()}.${byte()}`,
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && !form && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: form ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    })
    return { status: response.status, text: await response.text() }
  }
  const quietly = (...args: Parameters<typeof send>) => send(...args).catch(() => ({ status: 0, text: '' }))
  return {
    send: quietly,
    async login(login: string, secret = password) {
      const { status, text } = await quietly('POST', '/login', { login, password: secret })
      if (status === 200) ({ access_token: token, refresh_token: refreshToken } = JSON.parse(text))
      return status
    },
    async refresh(given?: { access_token: string; refresh_token: string }) {
      const pair = given ?? { access_token: token, refresh_token: refreshToken }
      const { status, text } = await quietly('PUT', '/auth/login', pair)
      if (status === 200 && !given) ({ access_token: token, refresh_token: refreshToken } = JSON.parse(text))
      return status
    },
    tokens: () => ({ access_token: token, refresh_token: refreshToken }),
  }
}

/** Everything that a dashboard shows, over and over, until told to stop; and what a proxy asks all the time. */
export function startTraffic(addresses: () => string[]) {
  let going = true
  let turn = 0
  const base = () => addresses()[turn++ % addresses().length] ?? ''
  const probing = (async () => {
    while (going) {
      await Promise.all(addresses().map((url) => createClient(() => url).send('GET', '/readyz')))
      await sleep(500)
    }
  })()
  const doing = (async () => {
    for (let round = 0; going; round++) await goRound(base, round)
  })()
  return async () => {
    going = false
    await Promise.all([probing, doing])
  }
}

async function goRound(base: () => string, round: number): Promise<void> {
  const login = `user${round}-${byte()}${byte()}@example.org`
  const user = createClient(base)
  await user.send('POST', '/register', { login, password })
  await user.login(login, 'not the password')
  await user.login(login)
  await user.refresh()
  const film = 301 + (round % 40)
  for (const path of [
    '/films',
    '/genres',
    '/movies?page=1',
    '/user',
    '/nothing',
    `/movies/${film}`,
    `/movies/${film}`,
  ]) {
    await user.send('GET', path)
  }
  await user.send('GET', `/movies/search?query=${encodeURIComponent('абвгде'[round % 6] ?? 'а')}`)
  for (const list of ['favorites', 'wishlist']) await user.send('POST', `/${list}/movies/${film}`)
  await user.send('DELETE', `/wishlist/movies/${film}`)
  await user.send('PUT', `/films/${film}/rating`, { value: 1 + (round % 10) })
  const lists = await user.send('GET', '/user/lists.csv')
  const form = new FormData()
  form.append('file', new File([lists.text], 'lists.csv', { type: 'text/csv' }))
  await user.send('POST', '/user/lists/import', form)
  await user.send('DELETE', `/films/${film}/rating`)
  await user.send('POST', '/logout')
  await administrate(base, film)
}

async function administrate(base: () => string, film: number): Promise<void> {
  const admin = createClient(base)
  await admin.login('admin')
  await admin.send('POST', '/films', { kinopoisk_id: film })
  const exported = await admin.send('GET', '/films/export.csv')
  const form = new FormData()
  form.append('file', new File([exported.text], 'films.csv', { type: 'text/csv' }))
  await admin.send('POST', '/films/import', form)
  const photo = new FormData()
  photo.append('photo', new File([new Uint8Array(await picture('png'))], 'photo.png', { type: 'image/png' }))
  await admin.send('PUT', '/directors/1/photo', photo)
}

function byte(): number {
  return Math.floor(Math.random() * 256)
}
