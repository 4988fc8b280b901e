import { randomInt, randomUUID } from 'node:crypto'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { createRefreshTokens } from '../../src/modules/auth/refresh-tokens.ts'

export const jwtSecret = 'a secret of the bench that has more than 32 bytes'

interface Range {
  firstFilm: number
  films: number
}

type Request = (user: number, headers: Record<string, string>) => InjectOptions | Promise<InjectOptions>

/** What users do, each time as somebody else. */
export function requestsOf(app: FastifyInstance, { firstFilm, films }: Range): Record<string, Request> {
  const film = () => firstFilm + Math.floor(films * Math.random() ** 2)
  const get = (url: string | (() => string)) => (): InjectOptions => ({
    method: 'GET',
    url: typeof url === 'string' ? url : url(),
  })
  return {
    'GET /user': get('/user'),
    'GET /films/{id}': get(() => `/films/${film()}`),
    'GET /films?sort=-rate': get(() => `/films?limit=20&sort=-rate&min_rate=${randomInt(10, 80) / 10}`),
    'GET /movies/favorites?page=1': get('/movies/favorites?page=1'),
    'GET /ratings?page=1': get('/ratings?page=1'),
    'POST /favorites/movies/{id}': () => ({ method: 'POST', url: `/favorites/movies/${film()}` }),
    'DELETE /favorites/movies/{id}': async (user) => {
      const [row] = await app.database.sql`select film_id from favourites where user_id = ${user} limit 1`
      return { method: 'DELETE', url: `/favorites/movies/${row?.film_id ?? film()}` }
    },
    'PUT /films/{id}/rating': () => ({
      method: 'PUT',
      url: `/films/${film()}/rating`,
      payload: { value: randomInt(1, 11) },
    }),
    'PUT /auth/login (refresh)': (user) => refresh(app, user),
    'GET /user/lists.csv': get('/user/lists.csv'),
    'GET /user/export': get('/user/export'),
  }
}

/** A user with a session of its own, made before what is measured. */
export async function sessionOf({ database: { sql }, accessTokens }: FastifyInstance, user: number) {
  const sessionId = randomUUID()
  await sql`
    insert into sessions (id, user_id, refresh_hash, expires_at)
    values (${sessionId}, ${user}, ${refreshTokens.hash(tokenOf(sessionId, user))}, now() + interval '30 days')`
  return { sessionId, headers: { authorization: `Bearer ${accessTokens.sign({ userId: user, sessionId })}` } }
}

const refreshTokens = createRefreshTokens([jwtSecret])

function tokenOf(sessionId: string, userId: number): string {
  return refreshTokens.make({ sessionId, generation: 0, userId })
}

async function refresh(app: FastifyInstance, user: number): Promise<InjectOptions> {
  const { sessionId, headers } = await sessionOf(app, user)
  const payload = {
    refresh_token: tokenOf(sessionId, user),
    access_token: headers.authorization.replace('Bearer ', ''),
  }
  return { method: 'PUT', url: '/auth/login', payload }
}
