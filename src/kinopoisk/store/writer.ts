import type { Database, Db } from '../../db/connect.ts'
import type { GatewayMetrics } from '../metrics.ts'
import type { Discovery } from '../normalise.ts'
import { createResponseRepository, type ResponseRepository, type StoredResponse } from './responses.ts'

/** Stores the films that a response tells of, over the transaction that it is given. */
export type Ingest = (db: Db, discovery: Discovery) => Promise<void>

interface Options {
  db: Database['db']
  responses: Pick<ResponseRepository, 'save'>
  metrics: Pick<GatewayMetrics, 'filmsNotStored'>
  warn(error: unknown, message: string): void
}

/**
 * The only writer of what upstream tells: a response and its films in one transaction, so that none of them is stored
 * without the other when the process dies in between.
 */
export function createResponseWriter({ db, responses, metrics, warn }: Options) {
  let ingest: Ingest = async () => {}

  return {
    onDiscovered(next: Ingest): void {
      ingest = next
    },

    /** The response is stored also when its films can't be: it has been paid for. */
    async save(path: string, response: StoredResponse, discovery: Discovery = {}): Promise<void> {
      const { film, items = [] } = discovery
      if (!film && items.length === 0) return responses.save(path, response)
      const failed = await db.transaction(async (tx) => {
        await createResponseRepository(tx).save(path, response)
        return tx
          .transaction((savepoint) => ingest(savepoint, discovery))
          .then(
            () => undefined,
            (error: unknown) => ({ error }),
          )
      })
      if (!failed) return
      metrics.filmsNotStored.inc((film ? 1 : 0) + items.length)
      warn(failed.error, 'the films of a stored response could not be stored')
    },

    /** Another chance for films that could not be stored with their response. Rejects when they still can't be. */
    saveFilms: (discovery: Discovery): Promise<void> => db.transaction((tx) => ingest(tx, discovery)),
  }
}
