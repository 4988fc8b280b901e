import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import type { Externals } from '../../src/app.ts'
import { as, firstAdmin, type TestApp, testAdmin, testApp, testUser } from './app.ts'
import { expectProblem } from './problems.ts'

export interface Film {
  id: number
  name: string
  genre: string | null
  genres: string[]
  rate: number | null
  year: number | null
  minutes: number | null
  updated_at: string
}

export interface Catalogue extends TestApp {
  admin(options: InjectOptions): Promise<LightMyRequestResponse>
  reader(options: InjectOptions): Promise<LightMyRequestResponse>
  /** GET as the reader. */
  get(url: string): Promise<LightMyRequestResponse>
  post(url: string, payload: object): Promise<LightMyRequestResponse>
  directorId: number
  /** A film that fits every rule, but for what is given. */
  film(given?: object): object
  /** The new film. */
  add(given?: object): Promise<Film>
}

/** A service with an administrator, a reader and one director; `isAlone` as for testApp. */
export async function catalogue(
  externals: Partial<Externals> = {},
  env: Record<string, string> = {},
  isAlone = false,
): Promise<Catalogue> {
  const service = await testApp(env, { firstAdmin, ...externals }, {}, isAlone)
  const admin = as(service.app, await testAdmin(service))
  const reader = as(service.app, await testUser(service.app))
  const post = (url: string, payload: object) => admin({ method: 'POST', url, payload })
  const directorId: number = (await post('/directors', { name: 'Лана Вачовски' })).json().id
  let made = 0
  const film = (given: object = {}) => ({
    name: `Film ${++made}`,
    genre: 'драма',
    director_id: directorId,
    rate: 7,
    year: 2000,
    minutes: 100,
    ...given,
  })
  return {
    ...service,
    admin,
    reader,
    get: (url) => reader({ method: 'GET', url }),
    post,
    directorId,
    film,
    async add(given) {
      const response = await post('/films', film(given))
      if (response.statusCode !== 201) throw new Error(response.body)
      return response.json()
    },
  }
}

/** An RFC 9457 problem of this status and code; gives its detail. */
export function problemOf(response: LightMyRequestResponse, status: number, code: string): string {
  return expectProblem(response, status, code).detail
}
