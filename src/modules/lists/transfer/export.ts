import { isOwnId } from '../../../catalogue/film-ids.ts'
import { guardFormula } from '../../../text/csv.ts'
import { type ListedRow, type ListName, listNames, type TransferRepository } from './repository.ts'

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

/** The three lists as cells of our CSV. */
export async function* exportRows(transfer: TransferRepository, userId: number) {
  for (const list of listNames) {
    for await (const row of transfer.rows(userId, list)) yield cellsOf(list, row)
  }
}

function cellsOf(list: ListName, row: ListedRow) {
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
