import { columnKey } from '../../../text/names.ts'
import { type Columns, otherScores, plainColumns } from './columns.ts'
import type { FormatName } from './format-names.ts'
import type { ListName } from './repository.ts'

export interface Form {
  name: FormatName
  /** The header has one of each of these, as `columnKey` has them. */
  needs: string[]
  /** The header has none of these. */
  lacks?: string
  columns: Columns
  /** What the best score is. */
  scale: 5 | 10
  /** The names that the service itself, or our export, gives to its files, without extension and case. */
  names: Partial<Record<ListName, RegExp>>
}

const title = 'title name'
const imdbTypes = 'titletype'

/** All forms; the first that fits is the file's. Their first lines are in docs/files.md. */
const forms: Form[] = [
  {
    name: 'own',
    // A row that names its list is never taken for another.
    needs: ['list', 'filmid kinopoiskid imdbid title'],
    columns: {
      ...{ list: 'list', film_id: 'filmid', kinopoisk_id: 'kinopoiskid', imdb_id: 'imdbid', title: 'title' },
      ...{ original_title: 'originaltitle', year: 'year', rating: 'rating' },
      ...{ added_at: 'addedat', rated_at: 'addedat', updated_at: 'updatedat' },
    },
    scale: 10,
    names: {},
  },
  {
    name: 'letterboxd_list',
    needs: ['position', 'name', 'year', 'url', 'description'],
    columns: { identity: 'url', title: 'name', year: 'year' },
    scale: 5,
    names: {},
  },
  {
    name: 'letterboxd',
    needs: ['name', 'year', 'letterboxduri'],
    columns: {
      ...{ identity: 'letterboxduri', title: 'name', year: 'year', rating: 'rating' },
      ...{ rated_at: 'watcheddate date', added_at: 'date' },
    },
    scale: 5,
    names: { wishlist: /^watchlist(?:-\w+-\d{4}(?:-\d\d){4}-utc)?$/, favorites: /^films$/ },
  },
  {
    name: 'imdb',
    needs: ['const', title],
    columns: {
      ...{
        imdb_id: 'const',
        url: 'url',
        title: 'title',
        original_title: 'originaltitle',
        year: 'year',
        kind: imdbTypes,
      },
      ...{
        rating: 'yourrating yourated yourate',
        rated_at: 'daterated dateadded created',
        added_at: 'created dateadded',
      },
    },
    scale: 10,
    names: { favorites: /^favorites$/, wishlist: /^watchlist$/, ratings: /^ratings$/ },
  },
  {
    name: 'simkl',
    needs: ['simklid', title],
    columns: {
      ...{ identity: 'simklid', imdb_id: 'imdb imdbid', title: 'title', year: 'year', kind: 'type', rating: 'rating' },
      ...{ status: 'watchlist', rated_at: 'watcheddate', added_at: 'watcheddate' },
    },
    scale: 10,
    names: {},
  },
  {
    name: 'yamtrack',
    needs: ['mediaid', 'source', 'mediatype', 'title'],
    columns: {
      ...{ identity: 'mediaid', title: 'title', kind: 'mediatype', season: 'seasonnumber', episode: 'episodenumber' },
      ...{
        rating: 'score',
        status: 'status',
        rated_at: 'enddate startdate createdat',
        added_at: 'createdat startdate',
      },
    },
    scale: 10,
    names: {},
  },
  {
    name: 'trakt',
    needs: ['traktid', 'title', 'ratedat'],
    columns: {
      ...{ identity: 'traktid', imdb_id: 'imdbid', title: 'title', year: 'year', kind: 'type', rating: 'rating' },
      ...{ rated_at: 'ratedat', added_at: 'listedat' },
    },
    scale: 10,
    names: { wishlist: /^(?:lists?-)?watchlist$/, favorites: /^(?:lists?-)?favorites$/ },
  },
  {
    name: 'tmdb',
    needs: ['tmdbid', 'imdbid', 'name', 'yourrating'],
    columns: {
      ...{ identity: 'tmdbid', imdb_id: 'imdbid', title: 'name', year: 'releasedate year', kind: 'type' },
      ...{ season: 'seasonnumber', episode: 'episodenumber', rating: 'yourrating', rated_at: 'daterated' },
      ...{ added_at: 'dateadded daterated' },
    },
    scale: 10,
    names: {},
  },
  {
    name: 'movary',
    needs: ['title', 'year', 'tmdbid', 'imdbid', 'userrating watchedat'],
    columns: { ...plainColumns, identity: 'tmdbid' },
    scale: 10,
    names: {},
  },
  {
    name: 'kinopoisk',
    needs: ['русскоязычноеназвание русскоеназвание', 'оригинальноеназвание'],
    columns: { ...plainColumns, rating: 'мояоценка оценка', kind: 'тип' },
    scale: 10,
    names: {},
  },
  {
    name: 'kinorium',
    needs: ['title', 'originaltitle', 'type', 'year', 'myrating listtitle'],
    columns: plainColumns,
    scale: 10,
    names: {},
  },
  {
    name: 'letterboxd_import',
    needs: ['title imdbid tmdbid letterboxduri', 'rating10 watcheddate rewatch createddate'],
    lacks: otherScores,
    columns: {
      ...{ ...plainColumns, identity: 'letterboxduri tmdbid', rating: 'rating', rating10: 'rating10' },
      rated_at: `watcheddate createddate ${plainColumns.rated_at}`,
      added_at: `createddate watcheddate ${plainColumns.added_at}`,
    },
    scale: 5,
    names: {},
  },
  {
    name: 'plain',
    needs: [
      `${plainColumns.title} ${plainColumns.original_title} ${plainColumns.imdb_id} ${plainColumns.kinopoisk_id} ${plainColumns.url}`,
      `${plainColumns.year} ${plainColumns.imdb_id} ${plainColumns.kinopoisk_id} ${plainColumns.url}`,
    ],
    columns: plainColumns,
    scale: 10,
    names: { favorites: /^favorites$/, wishlist: /^watchlist$/ },
  },
]

const firstLines = [
  'our own (list,film_id,…,title,…)',
  'Letterboxd (Date,Name,Year,Letterboxd URI,… or its whole export as zip)',
  'IMDb (Const,Your Rating,… or Position,Const,…)',
  'Kinopoisk (русскоязычное название;оригинальное название;…, also as .xls)',
  'Kinorium, Trakt, TMDB, Simkl, Movary, Yamtrack',
  'and any table with title, year, rating or imdb_id in its first row',
]

export const knownForms = firstLines.join('; ')

/** The form of a header, by its column keys. */
export function formOf(keys: string[]): Form | undefined {
  const has = (names: string) => names.split(' ').some((name) => keys.includes(name))
  return forms.find(({ needs, lacks }) => needs.every(has) && !(lacks && has(lacks)))
}

/** For openTable: a list of Letterboxd has a table about itself in front. */
export function createPreface() {
  let isList = false
  return (cells: string[]): boolean => {
    if (/^letterboxd list export/i.test(cells[0]?.trim() ?? '')) isList = true
    const keys = cells.map(columnKey)
    return isList && !(keys.includes('position') && keys.includes('name'))
  }
}
