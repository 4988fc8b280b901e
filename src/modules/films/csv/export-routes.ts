import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { problems } from '../../../schemas.ts'
import type { FilmExport } from './export-service.ts'
import { CsvFile, ExportQuery } from './schemas.ts'

/** On a scope that lets readers of the catalogue in. */
export const filmExportRoutes: FastifyPluginAsyncTypebox<{ filmExport: FilmExport }> = async (app, { filmExport }) => {
  const closing = new AbortController()
  app.addHook('preClose', async () => closing.abort())

  app.get(
    '/films/export.csv',
    {
      schema: {
        tags: ['films'],
        operationId: 'exportFilms',
        summary: 'All films of the catalogue as CSV',
        description:
          'RFC 4180 in UTF-8, by id. `genres` are joined by `|` (in a name `\\|` and `\\\\`). A text that a spreadsheet would ' +
          "take for a formula (first `= + - @` TAB or CR, maybe behind `'`) has one `'` put in front; the import takes it off. " +
          'An export that fails when it has begun ends with a cut connection.',
        querystring: ExportQuery,
        response: { 200: CsvFile, ...problems('overloaded') },
      },
    },
    async (request, reply) => {
      const csv =
        request.method === 'HEAD'
          ? Readable.from([])
          : await filmExport.read({ bom: request.query.bom ?? true, signal: closing.signal })
      const day = new Date().toISOString().slice(0, 10)
      return reply
        .headers({
          'content-type': 'text/csv; charset=utf-8; header=present',
          'content-disposition': `attachment; filename="films-${day}.csv"`,
          'cache-control': 'no-store',
          'x-content-type-options': 'nosniff',
        })
        .send(csv as never)
    },
  )
}
