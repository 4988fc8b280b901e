import { type Static, Type } from '@sinclair/typebox'
import stringifier from 'fast-json-stringify'
import type { Memory } from '../../db/memory.ts'
import { etagOf, toBytes, type Wire } from '../../wire.ts'
import { SearchItem, SearchResult } from './schemas.ts'
import type { Marks } from './service.ts'

const Item = Type.Omit(SearchItem, ['is_favorite', 'in_wishlist'])
const Head = Type.Omit(SearchResult, ['items'])
const stringifyItem = stringifier(Item as object)
const stringifyHead = stringifier(Head as object)

interface Result {
  total: number
  pages: number
  items: Static<typeof Item>[]
}

/** What a search found, as it is sent: made once, however many ask for it. */
export interface Found {
  total: number
  pages: number
  /** The list as most users get it, who keep none of the films. */
  unmarked: string
  etag: string
  /** The films of the list, and where in it their marks begin. */
  films: { id: number; marksAt: number }[]
}

export type SearchShelf = ReturnType<typeof createSearchShelf>

/** What was searched for lately, in memory. */
export function createSearchShelf(memory: Memory) {
  const shelf = memory.shelf<string, Found>({
    name: 'search',
    sizeOf: ({ unmarked, films }) => unmarked.length + 50 * films.length,
    // An answer's key is never that of a newer one.
    dropped: {},
  })
  return {
    get: ({ key }: { key: string }) => shelf.get(key),
    find: ({ key, read }: { key: string; read(): Promise<Result> }) =>
      shelf.find(key, async () => toFound(await read())) as Promise<Found>,
  }
}

const noMarks = marksOf(false, false)

export function toFound({ total, pages, items }: Result): Found {
  const films: Found['films'] = []
  let list = '['
  for (const item of items) {
    list += `${films.length > 0 ? ',' : ''}${toBytes(stringifyItem(item).slice(0, -1))}`
    films.push({ id: item.id, marksAt: list.length })
    list += noMarks
  }
  // Through a Buffer it is one string, not a tree of its parts.
  const unmarked = Buffer.from(`${list}]`, 'latin1').toString('latin1')
  return { total, pages, unmarked, etag: etagOf(unmarked), films }
}

/** The answer to a search. */
export function searchJson(head: Static<typeof Head>, { unmarked, etag, films }: Found, marks: Marks): Wire {
  const open = toBytes(stringifyHead(head).slice(0, -1))
  const { favourites, wishlist } = marks
  let list = ''
  let at = 0
  for (const { id, marksAt } of films) {
    if (!favourites.has(id) && !wishlist.has(id)) continue
    list += unmarked.slice(at, marksAt) + marksOf(favourites.has(id), wishlist.has(id))
    at = marksAt + noMarks.length
  }
  if (at === 0) return { bytes: `${open},"items":${unmarked}}`, etag: etagOf(open + etag) }
  list += unmarked.slice(at)
  return { bytes: `${open},"items":${list}}`, etag: etagOf(open + list) }
}

/** The end of a film's object. */
function marksOf(isFavorite: boolean, inWishlist: boolean): string {
  return `,"is_favorite":${isFavorite},"in_wishlist":${inWishlist}}`
}
