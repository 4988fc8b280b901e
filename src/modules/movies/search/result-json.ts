import { type Static, Type } from '@sinclair/typebox'
import stringifier from 'fast-json-stringify'
import type { Cache } from '../../../cache/cache.ts'
import { etagOf, type JsonPayload, toBytes } from '../../../http/json-payload.ts'
import type { Marks } from '../list-membership.ts'
import { SearchItem, SearchResult } from '../schemas.ts'

const Item = Type.Omit(SearchItem, ['is_favorite', 'in_wishlist'])
const Head = Type.Omit(SearchResult, ['items'])
const stringifyItem = stringifier(Item as object)
const stringifyHead = stringifier(Head as object)

type SearchHead = Static<typeof Head>
type Asked = Pick<SearchHead, 'query' | 'page' | 'source'>

interface Result {
  total: number
  pages: number
  items: Static<typeof Item>[]
}

/** What a search found, as it is sent: made once, however many ask for it. */
export interface Found {
  head: SearchHead
  /** The answer to the same words, for whom keeps none of the films, as most do. */
  unmarked: JsonPayload
  listAt: number
  /** Of the list alone, so that the answer to other words has a tag without all of it being hashed. */
  listTag: string
  /** The films of the list, and where in the answer their marks begin. */
  films: { id: number; marksAt: number }[]
}

export type SearchCache = ReturnType<typeof createSearchCache>

/** What was searched for lately, in memory. */
export function createSearchCache(cache: Cache) {
  const region = cache.region<string, Found>({
    name: 'search',
    sizeOf: ({ unmarked, films }) => unmarked.bytes.length + 50 * films.length,
    // An answer's key is never that of a newer one.
    invalidatedBy: {},
  })
  return {
    get: ({ key }: { key: string }) => region.get(key),
    find: ({ key, read }: { key: string; read(): Promise<Result> }, asked: Asked) =>
      region.find(key, async () => toFound(asked, await read())) as Promise<Found>,
  }
}

const noMarks = marksOf(false, false)

export function toFound(asked: Asked, { total, pages, items }: Result): Found {
  const head = { ...asked, total, pages, complete: isComplete(asked) }
  const films: Found['films'] = []
  const opening = openingOf(head)
  const listAt = opening.length
  let text = opening
  for (const item of items) {
    text += `${films.length > 0 ? ',' : ''}${toBytes(stringifyItem(item).slice(0, -1))}`
    films.push({ id: item.id, marksAt: text.length })
    text += noMarks
  }
  // Through a Buffer it is one string, not a tree of its parts.
  const bytes = Buffer.from(`${text}]}`, 'latin1').toString('latin1')
  const listTag = etagOf(bytes.slice(listAt))
  return { head, unmarked: { bytes, etag: etagOf(opening + listTag) }, listAt, listTag, films }
}

/** The answer to a search, which may be written otherwise, and come otherwise, than the one that was answered first. */
export function searchJson(asked: Asked, { head, unmarked, listAt, listTag, films }: Found, marks: Marks): JsonPayload {
  const { favourites, wishlist } = marks
  const kept = films.filter(({ id }) => favourites.has(id) || wishlist.has(id))
  if (kept.length === 0 && asked.query === head.query && asked.source === head.source) return unmarked
  const opening = openingOf({ ...head, ...asked, complete: isComplete(asked) })
  let bytes = opening
  let at = listAt
  for (const { id, marksAt } of kept) {
    bytes += unmarked.bytes.slice(at, marksAt) + marksOf(favourites.has(id), wishlist.has(id))
    at = marksAt + noMarks.length
  }
  bytes += unmarked.bytes.slice(at)
  return { bytes, etag: etagOf(kept.length === 0 ? opening + listTag : bytes) }
}

/** Our own films are not all that Kinopoisk has. */
function isComplete({ source }: Asked): boolean {
  return source !== 'local'
}

function openingOf(head: SearchHead): string {
  return `${toBytes(stringifyHead(head).slice(0, -1))},"items":[`
}

/** The end of a film's object. */
function marksOf(isFavorite: boolean, inWishlist: boolean): string {
  return `,"is_favorite":${isFavorite},"in_wishlist":${inWishlist}}`
}
