import { isOwnId } from '../../../catalogue/film-ids.ts'
import { guardFormula } from '../../../text/csv.ts'
import { type Cursor, type ListName, listNames, type TransferRepository } from './repository.ts'

/** The header of our own form. */
export const columns = [
  'list',
  'film_id',
  'kinopoisk_id',
  'imdb_id',
  'title',
  'original_title',
  'year',
  'rating',
  'added_at',
  'updated_at',
] as const

const pageSize = 1000

/** The three lists as cells of our CSV. */
export async function* exportRows(transfer: TransferRepository, userId: number) {
  for (const list of listNames) {
    for await (const row of listRows(transfer, userId, list)) yield cellsOf(list, row)
  }
}

/** A list row by row, newest first, read in pages: neither memory nor a connection is held for a slow reader. */
export async function* listRows(transfer: TransferRepository, userId: number, list: ListName) {
  let after: Cursor | undefined
  do {
    const page = await transfer.findPage(userId, list, pageSize, after)
    yield* page
    after = page.length === pageSize ? page.at(-1) : undefined
  } while (after)
}

type ExportRow = Awaited<ReturnType<TransferRepository['findPage']>>[number]

function cellsOf(list: ListName, row: ExportRow) {
  const { imdb_id, title, original_title } = row
  return {
    ...row,
    list,
    kinopoisk_id: isOwnId(row.film_id) ? null : row.film_id,
    imdb_id: imdb_id && guardFormula(imdb_id),
    title: guardFormula(title),
    original_title: original_title && guardFormula(original_title),
  }
}
