// Upstream's own names, in the order of its schema; the first of each is its default.
export const imageTypes = [
  ...(['STILL', 'SHOOTING', 'POSTER', 'FAN_ART', 'PROMO'] as const),
  ...(['CONCEPT', 'WALLPAPER', 'COVER', 'SCREENSHOT'] as const),
]

export const reviewOrders = [
  ...(['DATE_DESC', 'DATE_ASC', 'USER_POSITIVE_RATING_ASC', 'USER_POSITIVE_RATING_DESC'] as const),
  ...(['USER_NEGATIVE_RATING_ASC', 'USER_NEGATIVE_RATING_DESC'] as const),
]

export const collections = [
  ...(['TOP_POPULAR_ALL', 'TOP_POPULAR_MOVIES', 'TOP_250_TV_SHOWS', 'TOP_250_MOVIES', 'VAMPIRE_THEME'] as const),
  ...(['COMICS_THEME', 'CLOSES_RELEASES', 'FAMILY', 'OSKAR_WINNERS_2021', 'LOVE_THEME', 'ZOMBIE_THEME'] as const),
  ...(['CATASTROPHE_THEME', 'KIDS_ANIMATION_THEME', 'POPULAR_SERIES'] as const),
]

export const months = [
  ...(['JANUARY', 'FEBRUARY', 'MARCH', 'APRIL', 'MAY', 'JUNE'] as const),
  ...(['JULY', 'AUGUST', 'SEPTEMBER', 'OCTOBER', 'NOVEMBER', 'DECEMBER'] as const),
]
