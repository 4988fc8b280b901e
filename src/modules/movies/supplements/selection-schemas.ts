import { Type } from '@sinclair/typebox'
import { SearchItem, Source } from '../schemas.ts'
import { count, date, oneOf, pageUpTo, paging, pagingExample } from './schemas.ts'

export const PremiereQuery = Type.Object({
  year: Type.Integer({ minimum: 1890, maximum: 2100, examples: [2014] }),
  month: Type.Integer({ minimum: 1, maximum: 12, examples: [11], description: '1 is January' }),
})
const Premiere = Type.Composite([SearchItem, Type.Object({ premiere_date: date })])
const itemExample = {
  id: 258687,
  kinopoisk_id: 258687,
  title: 'Интерстеллар',
  original_title: 'Interstellar',
  type: null,
  year: 2014,
  minutes: 169,
  rating: null,
  await_percent: null,
  votes: null,
  genres: ['фантастика', 'драма'],
  countries: ['США'],
  description: null,
  poster_url: 'https://kinopoiskapiunofficial.tech/images/posters/kp/258687.jpg',
  poster_preview_url: 'https://kinopoiskapiunofficial.tech/images/posters/kp_small/258687.jpg',
  is_favorite: false,
  in_wishlist: false,
  my_rating: null,
}
export const Premieres = Type.Object(
  { year: Type.Integer(), month: Type.Integer(), total: count, source: Source, items: Type.Array(Premiere) },
  {
    examples: [
      {
        year: 2014,
        month: 11,
        total: 1,
        source: 'kinopoisk',
        items: [{ ...itemExample, premiere_date: '2014-11-06' }],
      },
    ],
  },
)

export const CollectionQuery = Type.Object({
  type: oneOf(
    [
      ...(['TOP_POPULAR_ALL', 'TOP_POPULAR_MOVIES', 'TOP_250_TV_SHOWS', 'TOP_250_MOVIES', 'VAMPIRE_THEME'] as const),
      ...(['COMICS_THEME', 'CLOSES_RELEASES', 'FAMILY', 'OSKAR_WINNERS_2021', 'LOVE_THEME', 'ZOMBIE_THEME'] as const),
      ...(['CATASTROPHE_THEME', 'KIDS_ANIMATION_THEME', 'POPULAR_SERIES'] as const),
    ],
    'The collection, by the name that Kinopoisk has for it',
  ),
  page: pageUpTo(50),
})
export const Collection = Type.Object(
  { type: Type.String(), ...paging, items: Type.Array(SearchItem) },
  { examples: [{ type: 'TOP_250_MOVIES', ...pagingExample, items: [{ ...itemExample, type: 'FILM', rating: 8.7 }] }] },
)
