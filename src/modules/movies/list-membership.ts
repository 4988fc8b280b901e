/** Which films a user keeps. */
export interface ListMembership {
  favourites: ReadonlySet<number>
  wishlist: ReadonlySet<number>
}
