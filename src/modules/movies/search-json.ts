import { type Static, Type } from '@sinclair/typebox'
import stringifier from 'fast-json-stringify'
import { etagOf, toWire, type Wire } from '../../wire.ts'
import { SearchItem, SearchResult } from './schemas.ts'
import type { Marks } from './service.ts'

const Item = Type.Omit(SearchItem, ['is_favorite', 'in_wishlist'])
const Head = Type.Omit(SearchResult, ['items'])
const stringifyItem = stringifier(Item as object)
const stringifyHead = stringifier(Head as object)

interface Found {
  items: Static<typeof Item>[]
}
interface Kept {
  id: number
  /** An object that is still open: the user's marks are the last of it. */
  bytes: string
}

// An answer that is kept by the gateway is the same object each time.
const kept = new WeakMap<Found, { items: Kept[]; etag: string }>()

/** The answer to a search: what was found is turned into JSON once, however many ask for it. */
export function searchJson(head: Static<typeof Head>, found: Found, marks: Marks): Wire {
  const { items, etag } = kept.get(found) ?? keep(found)
  const { bytes: open } = toWire(stringifyHead(head).slice(0, -1))
  const own = items.map(
    ({ id }) => `"is_favorite":${marks.favourites.has(id)},"in_wishlist":${marks.wishlist.has(id)}}`,
  )
  const list = items.map(({ bytes }, i) => `${bytes},${own[i]}`)
  return { bytes: `${open},"items":[${list.join(',')}]}`, etag: etagOf(open + etag + own.join('')) }
}

function keep(found: Found) {
  const items = found.items.map((item) => ({ id: item.id, bytes: toWire(stringifyItem(item).slice(0, -1)).bytes }))
  const made = { items, etag: etagOf(items.map(({ bytes }) => bytes).join()) }
  kept.set(found, made)
  return made
}
