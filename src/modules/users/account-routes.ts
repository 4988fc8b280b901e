import { Readable } from 'node:stream'
import formbody from '@fastify/formbody'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { clientSignal, whileSent } from '../../http/downloads.ts'
import { forms } from '../../http/percent-encoding.ts'
import { NoContent, problems } from '../../http/schemas.ts'
import { sessionUserOf } from '../../plugins/auth.ts'
import type { Semaphore } from '../../semaphore.ts'
import {
  AccountExport,
  EraseBody,
  ExportedCalls,
  ExportedFilm,
  ExportedKey,
  ExportedNetwork,
  ExportedRating,
  ExportedResults,
  ExportedSession,
} from './account-schemas.ts'
import type { AccountService } from './account-service.ts'
import { Profile } from './schemas.ts'

const tags = ['users']
type ListName = keyof typeof items
const items = {
  sessions: ExportedSession,
  networks: ExportedNetwork,
  keys: ExportedKey,
  kinopoisk_calls: ExportedCalls,
  kinopoisk_results: ExportedResults,
  favorites: ExportedFilm,
  wishlist: ExportedFilm,
  ratings: ExportedRating,
}
const listNames = Object.keys(items) as ListName[]

interface Options {
  account: AccountService
  /** Answers that are being sent. */
  downloads: Semaphore
}

/** Needs `authenticate` on its scope. */
export const accountRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { account, downloads }) => {
  await app.register(formbody, forms)

  app.get(
    '/user/export',
    {
      schema: {
        tags,
        operationId: 'exportUser',
        summary: 'Everything held about the user, as one JSON',
        description:
          'Profile, sessions and keys (without what is secret), networks of logins, calls of Kinopoisk and what came of them, and ' +
          'the lists, newest first. Streamed; one that ' +
          'fails when it has begun ends with a cut connection, and so does one of which less than 8 KB/s are read. A user has one ' +
          'download at a time; a second one waits up to 5 s, then it is 503.',
        response: { 200: AccountExport },
      },
    },
    async (request, reply) => {
      whileSent(reply, await downloads.acquire(request.user.id, { signal: clientSignal(reply) }))
      const { profile, lists } = await account.collect(request.user.id)
      const profileText = reply.compileSerializationSchema(Profile)(profile)
      const serialise = (name: ListName) => reply.compileSerializationSchema(items[name])
      const text = async function* () {
        yield `{"exported_at":"${new Date().toISOString()}","profile":${profileText}`
        for (const name of listNames) yield* memberText(name, lists[name], serialise(name))
        yield '}'
      }
      reply.header('content-disposition', 'attachment; filename="account.json"')
      // HEAD must not read the rest.
      const json = request.method === 'HEAD' ? [] : text()
      return reply.type('application/json; charset=utf-8').send(Readable.from(json) as never)
    },
  )

  app.delete(
    '/user',
    {
      schema: {
        tags,
        consumes: ['application/json', 'application/x-www-form-urlencoded'],
        operationId: 'eraseUser',
        summary: 'Erase the account with its lists, ratings and sessions',
        description: 'For good, and at once. The last administrator can only go when somebody else is one.',
        body: EraseBody,
        response: { 204: NoContent, ...problems('wrong_password', 'last_admin', 'too_many_requests') },
      },
    },
    async (request, reply) => {
      await account.erase(sessionUserOf(request), request.body.password)
      request.log.info({ user_id: request.user.id }, 'account erased')
      return reply.code(204).send(null)
    },
  )
}

/** A further member of a JSON object: an array, piece by piece. */
async function* memberText<T>(name: string, rows: AsyncIterable<T>, serialise: (row: T) => string) {
  let separator = `,"${name}":[`
  for await (const row of rows) {
    yield separator + serialise(row)
    separator = ','
  }
  yield separator === ',' ? ']' : `${separator}]`
}
