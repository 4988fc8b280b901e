import type { FileHandle } from 'node:fs/promises'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from '@sinclair/typebox'
import { inputFault } from '../../../errors.ts'
import { callerOf } from '../../../http/caller.ts'
import { clientSignal } from '../../../http/downloads.ts'
import { problems, upstreamProblems } from '../../../http/schemas.ts'
import { dropRest, formsPlugin, saveUpload } from '../../../http/uploads.ts'
import { createSemaphore, type Semaphore } from '../../../semaphore.ts'
import { transferExportRoutes } from './export-routes.ts'
import { FileForm, ImportQuery, Report, VotesBody } from './schemas.ts'
import type { TransferService } from './service.ts'

const tags = ['lists']

interface Options {
  transfer: TransferService
  /** Answers that are being sent. */
  downloads: Semaphore
}

const maxBytes = 5 * 1024 ** 2

/** A user's lists out and in. Needs `authenticate` on its scope. */
export const transferRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { transfer, downloads }) => {
  await app.register(transferExportRoutes, { transfer, downloads })
  await app.register(importRoute, { transfer })
}

const importRoute: FastifyPluginAsyncTypebox<Pick<Options, 'transfer'>> = async (app, { transfer }) => {
  await app.register(formsPlugin)
  // On disk, whole or on their way: a slow sender has a place here, and no other.
  const uploads = createSemaphore({ name: 'uploads', max: 200, maxPerCaller: 10 })
  // A file is held in memory; votes are waited for: neither may crowd out the other.
  const files = createSemaphore({ name: 'imports of files', max: 10, maxPerCaller: 1, maxQueue: 40 })
  const votes = createSemaphore({ name: 'imports of votes', max: 10, maxPerCaller: 1, maxQueue: 40 })

  app.post(
    '/user/lists/import',
    {
      schema: {
        tags,
        operationId: 'importLists',
        summary: 'Import lists: a file of this or another service, any plain table, or the votes of a Kinopoisk user',
        description:
          'A film is found by its Kinopoisk id, else by its IMDb id, else by exact title and year, never by guess. A row that fits no ' +
          'film or several, or contradicts itself, is reported. A rating in the file replaces one that is not newer. Read are our ' +
          'own CSV, what Letterboxd, IMDb, Kinopoisk, Kinorium, Trakt, TMDB, Simkl, Movary and Yamtrack export, and plain tables. ' +
          'A second import of a user waits up to 5 s, then it is 503.',
        querystring: ImportQuery,
        body: {
          content: { 'application/json': { schema: VotesBody }, 'multipart/form-data': { schema: FileForm } },
        },
        response: {
          200: Report,
          ...problems('unknown_reference', 'payload_too_large', 'unsupported_media_type', ...upstreamProblems),
        },
      },
    },
    async (request, reply) => {
      const { dry_run: dryRun = false, list, charset } = request.query
      // As it is now: the connection may be gone before the last call.
      const caller = { ...callerOf(request) }
      const { userId: id } = caller
      const signal = clientSignal(reply)
      if (request.isMultipart()) {
        const receive = async () => {
          const { file, name } = await saveUpload(request, 'file', maxBytes)
          const read = async () =>
            transfer.importFile(caller, { bytes: await bytesOf(file), name }, { list, charset, dryRun })
          return files.run(id, read, { signal }).finally(() => file.close())
        }
        return uploads.run(id, receive).finally(() => dropRest(request))
      }
      const body = request.body as Static<typeof VotesBody> | undefined
      if (!body) throw inputFault('body', 'must be a form with a file, or JSON with kinopoisk_user_id')
      if (list || charset)
        throw inputFault(list ? 'query.list' : 'query.charset', 'is for files only: votes are ratings')
      return votes.run(id, () => transfer.importVotes(caller, body.kinopoisk_user_id, dryRun), { signal })
    },
  )
}

/** All of it; where writing it has ended does not matter. */
async function bytesOf(file: FileHandle): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe((await file.stat()).size)
  await file.read(bytes, 0, bytes.length, 0)
  return bytes
}
