import { setTimeout as sleep } from 'node:timers/promises'
import type { Stage } from './stage.ts'
import { createClient } from './traffic.ts'

let lastId = 1_000
const newId = () => ++lastId

/** Asks for films, and searches for words, that nobody has asked for yet. */
export async function askAnew(stage: Stage, films: number, searches = 1): Promise<void> {
  const user = createClient(() => stage.address('a'))
  await user.login('admin')
  const times = <T>(n: number, ask: () => T) => Array.from({ length: n }, ask)
  await Promise.all([
    ...times(films, () => user.send('GET', `/movies/${newId()}`)),
    ...times(searches, () => user.send('GET', `/movies/search?query=${encodeURIComponent(`а ${newId()}`)}`)),
  ])
}

/** A personal key of the administrator with a budget. */
export async function makeKey(stage: Stage, daily_limit: number, scope = 'read'): Promise<string> {
  const admin = createClient(() => stage.address('a'))
  await admin.login('admin')
  const { text } = await admin.send('POST', '/user/keys', { name: 'a program', scopes: [scope], daily_limit })
  return JSON.parse(text).key
}

/** Asks for films that nobody has asked for yet, as a program does. */
export async function askAnewWith(stage: Stage, key: string, films: number): Promise<void> {
  const ask = () => fetch(`${stage.address('a')}/movies/${newId()}`, { headers: { 'x-api-key': key } })
  await Promise.all(Array.from({ length: films }, async () => (await ask()).body?.cancel()))
}

/** As a plugin asks for films that nobody has asked for yet. */
export async function askAtOwnAddresses(stage: Stage, key: string, films: number): Promise<void> {
  const { send } = createClient(() => stage.address('a'))
  const ask = () => send('GET', `/api/v2.2/films/${newId()}`, undefined, { 'x-api-key': key })
  await Promise.all(Array.from({ length: films }, ask))
}

/** Asks for posters of new films of the catalogue, each at a host that there is none of. */
export async function askForPosters(stage: Stage, films: number): Promise<void> {
  const admin = createClient(() => stage.address('a'))
  await admin.login('admin')
  const { text: director } = await admin.send('POST', '/directors', { name: 'Nobody' })
  for (let i = 0; i < films; i++) {
    const number = newId()
    const { text } = await admin.send('POST', '/films', {
      ...{ name: `A film without a poster ${number}`, genre: 'драма', rate: 5, year: 2000, minutes: 90 },
      director_id: JSON.parse(director).id,
      poster_url: `https://h${number}.pictures.invalid/1.jpg`,
    })
    await admin.send('GET', `/films/${JSON.parse(text).id}/poster`)
  }
}

/** Everything that the gateway does now and then happens once or twice. Afterwards nothing of it lasts. */
export async function stirGateway(stage: Stage): Promise<void> {
  const user = createClient(() => stage.address('a'))
  const neighbour = createClient(() => stage.address('b'))
  await Promise.all([user.login('admin'), neighbour.login('admin')])
  await stage.expireAnswers()
  // Slow answers, so that equal questions meet: in one replica, and over both.
  for (let i = 0; i < 3; i++) {
    stage.sandbox.fail(500, { times: 1 })
    const path = `/movies/${newId()}`
    await Promise.all([user, user, neighbour, neighbour].map(({ send }) => send('GET', path)))
    await user.send('GET', path)
  }
  await user.send('GET', `/movies/search?query=${encodeURIComponent('матрица')}`)
  stage.sandbox.fail(402)
  await askAnew(stage, 3, 3)
  // Known in part by the search, and now its details can't be had.
  await user.send('GET', '/movies/301')
  for (const id of await stage.partlyKnown()) await user.send('GET', `/movies/${id}`)
  stage.sandbox.fail(null)
  await stage.forgiveKey()
  await sleep(1500)
  await user.send('POST', '/user/lists/import', { kinopoisk_user_id: newId() })
  // Twice: a rate is seen between two scrapes.
  const key = await makeKey(stage, 20, 'gateway')
  await askAtOwnAddresses(stage, key, 5)
  await sleep(2500)
  await askAtOwnAddresses(stage, key, 5)
  await askAnew(stage, 80, 12)
}

/** As if nothing had been spent and nothing refused; returns when Kinopoisk is asked again. */
export async function mendGateway(stage: Stage): Promise<void> {
  stage.sandbox.fail(null)
  await stage.forgiveKey()
  const admin = createClient(() => stage.address('a'))
  await admin.login('admin')
  const deadline = Date.now() + 100_000
  while (Date.now() < deadline) {
    await askAnew(stage, 1)
    const { text } = await admin.send('GET', '/admin/kinopoisk')
    if (/"distrusted":null/.test(text) && /"film":"closed","search":"closed"/.test(text)) break
    await sleep(500)
  }
}
