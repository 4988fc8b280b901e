import { isOwnId } from '../../../catalogue/film-ids.ts'
import { guardFormula } from '../../../text/csv.ts'
import { type ListedRow, type ListName, listNames, type TransferRepository } from './repository.ts'

type Cells = Record<string, string | number | null>

export interface ListFile {
  name: string
  columns: readonly string[]
  rows: AsyncGenerator<Cells>
}

export interface ExportOptions {
  form: keyof typeof forms
  /** Only this one. */
  list?: ListName | undefined
}

interface Form {
  /** One file has all lists, and each row names its own. */
  hasAll: boolean
  /** The header of a file of that list. */
  columns(list: ListName): readonly string[]
  /** `position` is that of the row in its list, from 1. */
  cells(row: ListedRow, list: ListName, position: number): Cells
}

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

const own: Form = {
  hasAll: true,
  columns: () => columns,
  cells: (row, list) => ({
    ...row,
    list,
    kinopoisk_id: isOwnId(row.film_id) ? null : row.film_id,
    imdb_id: guarded(row.imdb_id),
    title: guarded(row.title),
    original_title: guarded(row.original_title),
  }),
}

/** What Letterboxd imports: by the IMDb id, else by title and year. The original title is the one that it may know. */
const letterboxd: Form = {
  hasAll: false,
  columns: (list) => ['imdbID', 'Title', 'Year', ...(list === 'ratings' ? ['Rating10', 'WatchedDate'] : [])],
  cells: ({ imdb_id, title, original_title, year, rating, added_at }) => ({
    imdbID: guarded(imdb_id),
    Title: guarded(original_title ?? title),
    Year: year,
    Rating10: rating,
    WatchedDate: dayOf(added_at),
  }),
}

const imdbFilm = [
  ...['Title', 'Original Title', 'URL', 'Title Type', 'IMDb Rating', 'Runtime (mins)', 'Year'],
  ...['Genres', 'Num Votes', 'Release Date', 'Directors'],
]
const imdbTypes: Record<string, string> = {
  FILM: 'Movie',
  VIDEO: 'Video',
  TV_SERIES: 'TV Series',
  TV_SHOW: 'TV Series',
  MINI_SERIES: 'TV Mini Series',
}

/** What IMDb exports, and what nearly every other service imports. Cells that nothing reads are left empty. */
const imdb: Form = {
  hasAll: false,
  columns: (list) =>
    list === 'ratings'
      ? ['Const', 'Your Rating', 'Date Rated', ...imdbFilm]
      : ['Position', 'Const', 'Created', 'Modified', 'Description', ...imdbFilm],
  cells: ({ imdb_id, title, original_title, type, minutes, year, rating, added_at, updated_at }, _list, position) => ({
    Position: position,
    Const: guarded(imdb_id),
    Created: dayOf(added_at),
    Modified: dayOf(added_at),
    'Your Rating': rating,
    'Date Rated': dayOf(updated_at ?? added_at),
    Title: guarded(title),
    'Original Title': guarded(original_title ?? title),
    URL: imdb_id && `https://www.imdb.com/title/${imdb_id}/`,
    'Title Type': (type && imdbTypes[type]) ?? null,
    'Runtime (mins)': minutes,
    Year: year,
  }),
}

const forms = { own, letterboxd, imdb }
/** As the other services call their files: by these names they are known again. */
const fileNames: Record<ListName, string> = {
  favorites: 'favorites.csv',
  wishlist: 'watchlist.csv',
  ratings: 'ratings.csv',
}

/** The lists of a user in a form: the one that is named, else all in our own form, and the ratings in that of others. */
export function exportLists(
  transfer: Pick<TransferRepository, 'rows'>,
  userId: number,
  { form: formName, list }: ExportOptions,
): ListFile {
  const form = forms[formName]
  const one = list ?? (form.hasAll ? undefined : 'ratings')
  return {
    name: one === undefined ? 'lists.csv' : fileNames[one],
    columns: form.columns(one ?? 'ratings'),
    rows: cellsOf(transfer, userId, form, one === undefined ? listNames : [one]),
  }
}

async function* cellsOf(
  transfer: Pick<TransferRepository, 'rows'>,
  userId: number,
  form: Form,
  lists: readonly ListName[],
): AsyncGenerator<Cells> {
  for (const list of lists) {
    let position = 0
    for await (const row of transfer.rows(userId, list)) {
      position += 1
      yield form.cells(row, list, position)
    }
  }
}

function guarded(text: string | null): string | null {
  return text && guardFormula(text)
}

function dayOf(time: string): string {
  return time.slice(0, 10)
}
