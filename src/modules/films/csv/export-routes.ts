import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { clientSignal, whileSent } from '../../../http/downloads.ts'
import { codedTag, codingFor, isCurrent } from '../../../http/representations.ts'
import { problems } from '../../../http/schemas.ts'
import { createSpool } from '../../../http/spool.ts'
import { queueKeyOf } from '../../../plugins/auth.ts'
import type { Semaphore } from '../../../semaphore.ts'
import type { FilmExport } from './export-service.ts'
import { CsvFile, CsvUnchanged, ExportQuery } from './schemas.ts'

interface Options {
  filmExport: FilmExport
  /** Answers that are being sent. */
  downloads: Semaphore
}

// Where /tmp is memory, as in a container, it counts there.
const maxSpooled = 256 * 1024 ** 2

/** On a scope that lets readers of the catalogue in. */
export const filmExportRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { filmExport, downloads }) => {
  const spool = createSpool({ maxBytes: maxSpooled })
  const closing = new AbortController()
  app.addHook('preClose', async () => closing.abort())

  app.get(
    '/films/export.csv',
    {
      config: { sends: { 200: ['Content-Disposition'] } },
      schema: {
        tags: ['films'],
        operationId: 'exportFilms',
        summary: 'All films of the catalogue as CSV',
        description:
          'RFC 4180 in UTF-8, by id. `genres` are joined by `|` (in a name `\\|` and `\\\\`). What a spreadsheet would take for a ' +
          "formula has one `'` put in front; the import takes it off. An export that fails when it has begun ends with a cut " +
          'connection. A second download of a user (without a token: of a network) waits up to 5 s, then it is 503.',
        querystring: ExportQuery,
        response: { 200: CsvFile, 304: CsvUnchanged, ...problems('overloaded') },
      },
    },
    async (request, reply) => {
      const caller = queueKeyOf(request)
      const signal = clientSignal(reply)
      whileSent(reply, await downloads.acquire(caller, { signal }))
      const { bom = true, delimiter = ',' } = request.query
      const opened = await filmExport.open({ bom, delimiter, caller, signal })
      const etag = codedTag(opened.etag, codingFor(request))
      const isKnown = isCurrent(request, etag)
      const isRead = request.method !== 'HEAD' && !isKnown
      if (!isRead) opened.close()
      const csv = isRead ? spool(await opened.read(closing.signal)) : Readable.from([])
      reply.headers({ etag, 'x-content-type-options': 'nosniff' })
      // With null, which the schema wants, it would have a content type.
      if (isKnown) return reply.code(304).send(undefined as never)
      const day = new Date().toISOString().slice(0, 10)
      return reply
        .headers({
          'content-type': 'text/csv; charset=utf-8; header=present',
          'content-disposition': `attachment; filename="films-${day}.csv"`,
        })
        .send(csv as never)
    },
  )
}
