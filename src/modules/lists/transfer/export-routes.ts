import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@sinclair/typebox'
import { stringify } from 'csv-stringify'
import { clientSignal, whileSent } from '../../../http/downloads.ts'
import type { Semaphore } from '../../../semaphore.ts'
import { columns } from './export.ts'
import { ExportQuery } from './export-schemas.ts'
import type { TransferService } from './service.ts'

const example =
  `${columns.join(',')}\r\n` +
  'ratings,301,301,tt0133093,Матрица,The Matrix,1999,9,2026-11-20T10:00:00.000000Z,2026-11-20T10:00:00.000000Z\r\n'

interface Options {
  transfer: TransferService
  /** Answers that are being sent. */
  downloads: Semaphore
}

/** A user's lists as a file. Needs `authenticate` on its scope. */
export const transferExportRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { transfer, downloads }) => {
  app.get(
    '/user/lists.csv',
    {
      config: { isStreamed: true, sends: { 200: ['Content-Disposition'] } },
      schema: {
        tags: ['lists'],
        operationId: 'exportLists',
        summary: "The user's favorites, wishlist and ratings as CSV",
        description:
          'A row for each film and list, newest first; times in UTC. With `format` one list as Letterboxd imports it or as IMDb ' +
          'exports it. What a spreadsheet would take for a formula has an apostrophe before it; the import takes it away. A ' +
          'second download of a user waits up to 5 s, then it is 503.',
        querystring: ExportQuery,
        response: {
          200: {
            description: 'RFC 4180, UTF-8, with a header row',
            content: {
              'text/csv': {
                schema: Type.String({
                  maxLength: 2_147_483_647,
                  description: 'RFC 4180, with a header row',
                  examples: [example],
                }),
              },
            },
          },
        },
      },
    },
    async (request, reply) => {
      const { format: form = 'own', list, delimiter = ',', bom = form === 'own' } = request.query
      whileSent(reply, await downloads.acquire(request.user.id, { signal: clientSignal(reply) }))
      const file = transfer.export(request.user.id, { form, list })
      // HEAD must not read the rows.
      const rows = Readable.from(request.method === 'HEAD' ? [] : file.rows)
      const csv = writeTable(file.columns, { bom, delimiter })
      rows.on('error', (error) => csv.destroy(error)).pipe(csv)
      csv.on('close', () => rows.destroy())
      reply.header('content-disposition', `attachment; filename="${file.name}"`).header('cache-control', 'no-store')
      return reply.type('text/csv; charset=utf-8; header=present').send(csv as never)
    },
  )
}

/** RFC 4180 with CRLF, out of rows as they come. Also a lone CR or LF in a cell is quoted. */
function writeTable(columns: readonly string[], options: { bom: boolean; delimiter: string }) {
  const quoted_match = /[\r\n]/
  return stringify({ ...options, header: true, columns: [...columns], record_delimiter: '\r\n', quoted_match })
}
