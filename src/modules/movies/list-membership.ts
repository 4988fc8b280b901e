/** The ids of the films in a user's two lists. */
export interface ListMembership {
  favourites: ReadonlySet<number>
  wishlist: ReadonlySet<number>
}
