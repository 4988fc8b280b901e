import { AppError } from '../../../errors.ts'
import type { Form } from './forms.ts'
import type { ListName } from './repository.ts'

export interface Hints {
  list?: ListName | undefined
  fileName: string
}

/** Which list a file is: as the caller says, else by the exact name that its service gives, else by its columns. */
export function listOf(form: Form, keys: string[], { list, fileName }: Hints): ListName | 'rows' {
  const isScored = has(keys, form.columns.rating) || has(keys, form.columns.rating10)
  if (form.name === 'own') {
    if (list) throw needsList('A file of our own names the list in each row: leave out list')
    return 'rows'
  }
  if (list === 'ratings' && !isScored) throw needsList('The file has no column with scores, so it cannot be ratings')
  if (list) return list
  const named = byName(form, fileName, isScored)
  if (named) return named
  if (has(keys, form.columns.status)) return 'rows'
  if (isScored && !keys.includes('position')) return 'ratings'
  throw needsList(whichList(keys, fileName, isScored))
}

function byName({ name, names }: Form, fileName: string, isScored: boolean): ListName | undefined {
  // Only IMDb has scores in its watchlist. Elsewhere they say more than a name.
  if (isScored && name !== 'imdb') return undefined
  const plain = plainName(fileName)
  const [list] = Object.entries(names).find(([, form]) => form.test(plain)) ?? []
  return list === 'ratings' && !isScored ? undefined : (list as ListName | undefined)
}

/** Without folders, extension, and the number that a browser gives to another copy. */
export function plainName(fileName: string): string {
  const base = fileName.split(/[\\/]/).at(-1) ?? ''
  return base
    .toLowerCase()
    .trim()
    .replace(/\.(?:csv|tsv|txt|json|xls)$/, '')
    .replace(/\s?\(\d{1,3}\)$/, '')
}

function whichList(keys: string[], fileName: string, isScored: boolean): string {
  const isWatched =
    /(?:^|[^a-z])(?:watched|history)(?:[^a-z]|$)/.test(plainName(fileName)) || keys.includes('watchedat')
  const why = isWatched
    ? 'These are films that were watched, and the service keeps no list of those. If they shall go to one of its lists, say which'
    : 'Neither the columns nor the name of the file say which list this is. Say it'
  return `${why}: list=favorites or list=wishlist${isScored ? ', or list=ratings for the scores in it' : ''}`
}

function has(keys: string[], names = ''): boolean {
  return names.split(' ').some((name) => name !== '' && keys.includes(name))
}

function needsList(detail: string): AppError {
  return new AppError('invalid_input', { detail, errors: [{ path: 'query.list', message: detail }] })
}
