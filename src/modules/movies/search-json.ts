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

interface Made {
  items: Kept[]
  etag: string
  /** The list as most users get it: they keep none of the films. */
  unmarked: string
}

// An answer that is kept by the gateway is the same object each time.
const kept = new WeakMap<Found, Made>()

/** The answer to a search: what was found is turned into JSON once, however many ask for it. */
export function searchJson(head: Static<typeof Head>, found: Found, marks: Marks): Wire {
  const { items, etag, unmarked } = kept.get(found) ?? keep(found)
  const open = Buffer.from(stringifyHead(head).slice(0, -1)).toString('latin1')
  const isMarked = items.some(({ id }) => marks.favourites.has(id) || marks.wishlist.has(id))
  if (!isMarked) return { bytes: `${open},"items":${unmarked}}`, etag: etagOf(open + etag) }
  const list = listOf(items, marks)
  return { bytes: `${open},"items":${list}}`, etag: etagOf(open + list) }
}

function listOf(items: Kept[], { favourites, wishlist }: Marks): string {
  const marked = items.map(
    ({ id, bytes }) => `${bytes},"is_favorite":${favourites.has(id)},"in_wishlist":${wishlist.has(id)}}`,
  )
  return `[${marked.join(',')}]`
}

const noMarks: Marks = { favourites: new Set(), wishlist: new Set() }

function keep(found: Found): Made {
  const items = found.items.map((item) => ({ id: item.id, bytes: toWire(stringifyItem(item).slice(0, -1)).bytes }))
  const unmarked = Buffer.from(listOf(items, noMarks), 'latin1').toString('latin1')
  const made = { items, unmarked, etag: etagOf(unmarked) }
  kept.set(found, made)
  return made
}
