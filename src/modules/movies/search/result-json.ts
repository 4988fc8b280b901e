import { type Static, Type } from '@sinclair/typebox'
import stringifier from 'fast-json-stringify'
import type { Cache } from '../../../cache/cache.ts'
import type { MaybePromise } from '../../../cache/maybe-promise.ts'
import { etagOf, type JsonPayload, toBytes } from '../../../http/json-payload.ts'
import { hasOwnState, noOwnState, type OwnState, ownMembers } from '../../../http/own-state.ts'
import { SearchItem, SearchResult } from '../schemas.ts'

const Item = Type.Omit(SearchItem, ['is_favorite', 'in_wishlist', 'my_rating'])
const Head = Type.Omit(SearchResult, ['items'])
const stringifyItem = stringifier(Item as object)
const stringifyHead = stringifier(Head as object)

type SearchHead = Static<typeof Head>
type SearchInput = Pick<SearchHead, 'query' | 'page' | 'source'>

interface Result {
  total: number
  pages: number
  items: Static<typeof Item>[]
}

/**
 * A search result as it is sent, rendered once for all users:
 * `{"query":…,"items":[` + item + flags + `,` + item + flags … + `]}`. For a user with some of the films in a list,
 * only the flags are replaced.
 */
export interface RenderedSearch {
  head: SearchHead
  /** For a user with none of the films in a list or rated, which is the usual case. */
  unflagged: JsonPayload
  listAt: number
  /** The tag of the items alone, so that a response with other words needs no hash over all bytes. */
  listTag: string
  /** The films, and where in the bytes their flags begin. */
  films: { id: number; flagsAt: number }[]
}

export type SearchCache = ReturnType<typeof createSearchCache>

/** The results of recent searches, in memory. */
export function createSearchCache(cache: Cache) {
  const region = cache.region<string, RenderedSearch>({
    name: 'search',
    sizeOf: ({ unflagged, films }) => unflagged.bytes.length + 50 * films.length,
    // A key is never that of a newer response.
    invalidatedBy: {},
  })
  return {
    find: ({ key, read }: { key: string; read(): Promise<Result> }, input: SearchInput) =>
      region.find(key, async () => renderSearch(input, await read())) as MaybePromise<RenderedSearch>,
  }
}

/** The end of a film's object for a user to whom it is nothing. */
const noFlags = `${noOwnState}}`

export function renderSearch(input: SearchInput, { total, pages, items }: Result): RenderedSearch {
  const head = { ...input, total, pages, complete: isComplete(input) }
  const films: RenderedSearch['films'] = []
  const opening = openingOf(head)
  const listAt = opening.length
  let text = opening
  for (const item of items) {
    text += `${films.length > 0 ? ',' : ''}${toBytes(stringifyItem(item).slice(0, -1))}`
    films.push({ id: item.id, flagsAt: text.length })
    text += noFlags
  }
  // Through a Buffer it is one string, not a tree of its parts.
  const bytes = Buffer.from(`${text}]}`, 'latin1').toString('latin1')
  const listTag = etagOf(bytes.slice(listAt))
  return { head, unflagged: { bytes, etag: etagOf(opening + listTag) }, listAt, listTag, films }
}

/** The response to a search. Its words and source may differ from those of the one that was rendered first. */
export function searchPayload(
  input: SearchInput,
  { head, unflagged, listAt, listTag, films }: RenderedSearch,
  own: OwnState,
): JsonPayload {
  const flagged = films.filter(({ id }) => hasOwnState(own, id))
  if (flagged.length === 0 && input.query === head.query && input.source === head.source) return unflagged
  const opening = openingOf({ ...head, ...input, complete: isComplete(input) })
  let bytes = opening
  let at = listAt
  for (const { id, flagsAt } of flagged) {
    bytes += `${unflagged.bytes.slice(at, flagsAt)}${ownMembers(own, id)}}`
    at = flagsAt + noFlags.length
  }
  bytes += unflagged.bytes.slice(at)
  return { bytes, etag: etagOf(flagged.length === 0 ? opening + listTag : bytes) }
}

/** Our own films are not all that Kinopoisk has. */
function isComplete({ source }: SearchInput): boolean {
  return source !== 'local'
}

function openingOf(head: SearchHead): string {
  return `${toBytes(stringifyHead(head).slice(0, -1))},"items":[`
}
