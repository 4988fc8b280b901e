import type { JsonPayload } from './json-payload.ts'

/** What films are to a user: since when they are in the two lists, as it is sent, and the user's own scores. */
export interface OwnState {
  favourites: ReadonlyMap<number, string>
  wishlist: ReadonlyMap<number, string>
  ratings: ReadonlyMap<number, number>
}

export interface OwnStates {
  /** Without a promise if it is in memory. */
  of(userId: number): OwnState | Promise<OwnState>
}

/** Members of a film's object, each with a comma before it, and their tag. */
interface OwnMembers {
  text: string
  tag: string
}

const nothing: OwnMembers = { text: '', tag: '' }
const scores = [null, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
/** All there can be, by the sum of 1 for a favourite, 2 for the wishlist and 4 for each point of the score. */
const all: OwnMembers[] = scores.flatMap((score) =>
  [0, 1, 2, 3].map((lists) => ({
    text: `,"is_favorite":${(lists & 1) > 0},"in_wishlist":${(lists & 2) > 0},"my_rating":${score}`,
    tag: `.${lists}${score ?? ''}`,
  })),
)

function membersOf({ favourites, wishlist, ratings }: OwnState, id: number): OwnMembers {
  const index = (favourites.has(id) ? 1 : 0) + (wishlist.has(id) ? 2 : 0) + 4 * (ratings.get(id) ?? 0)
  return all[index] as OwnMembers
}

/** What `withOwnState` adds for a user to whom the film is nothing. */
export const noOwnState = (all[0] as OwnMembers).text

export function hasOwnState({ favourites, wishlist, ratings }: OwnState, id: number): boolean {
  return favourites.has(id) || wishlist.has(id) || ratings.has(id)
}

/** The members `is_favorite`, `in_wishlist` and `my_rating`, with a comma before them. */
export function ownMembers(state: OwnState, id: number): string {
  return membersOf(state, id).text
}

/**
 * A film's object with what it is to the user, and `more` members with their tag: added to the bytes that all share, and the
 * tags to theirs, so that nothing is rendered or hashed again.
 */
export function withOwnState(
  { bytes, etag }: JsonPayload,
  state: OwnState,
  id: number,
  more: OwnMembers = nothing,
): JsonPayload {
  const { text, tag } = membersOf(state, id)
  return {
    bytes: `${bytes.slice(0, -1)}${text}${more.text}}`,
    etag: `${etag.slice(0, -1)}${tag}${more.tag}"`,
  }
}
