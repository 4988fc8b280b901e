/** Which films a user keeps. */
export interface Marks {
  favourites: ReadonlySet<number>
  wishlist: ReadonlySet<number>
}
