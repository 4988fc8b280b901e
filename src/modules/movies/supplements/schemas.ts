import { type TSchema, Type } from '@sinclair/typebox'
import { Id, Nullable } from '../../../http/schemas.ts'
import { ownState, Source } from '../schemas.ts'

const text = Nullable(Type.String())
const integer = Nullable(Type.Integer())
export const count = Type.Integer({ minimum: 0 })
export const date = Nullable(Type.String({ format: 'date' }))
const flag = Nullable(Type.Boolean())
/** Upstream's own names: those that are known, and whatever it may add. */
const names = (...known: string[]) =>
  Nullable(Type.String({ description: `${known.join(', ')}; what Kinopoisk adds is passed on` }))

/** The answer that is a list; `items` has at most 1000, `total` tells how many there are. */
const ListOf = <T extends TSchema>(item: T, example: object) =>
  Type.Object(
    { total: count, source: Source, items: Type.Array(item) },
    { examples: [{ total: 1, source: 'kinopoisk', items: [example] }] },
  )

const Episode = Type.Object({
  number: Type.Integer(),
  title: text,
  original_title: text,
  synopsis: text,
  release_date: date,
})
export const Seasons = ListOf(Type.Object({ number: Type.Integer(), episodes: Type.Array(Episode) }), {
  number: 1,
  episodes: [
    {
      number: 1,
      title: 'Пилот',
      original_title: 'Pilot',
      synopsis: null,
      release_date: '2008-01-20',
    },
  ],
})

export const Staff = ListOf(
  Type.Object({
    id: { ...Id, description: 'For `/people/{id}`' },
    name: text,
    original_name: text,
    role: text,
    profession: names(
      ...['WRITER', 'OPERATOR', 'EDITOR', 'COMPOSER', 'PRODUCER_USSR', 'TRANSLATOR', 'DIRECTOR', 'DESIGN', 'PRODUCER'],
      ...['ACTOR', 'VOICE_DIRECTOR', 'UNKNOWN'],
    ),
    profession_name: Nullable(Type.String({ description: 'In words, in Russian' })),
    photo_url: text,
  }),
  {
    id: 41477,
    name: 'Кристофер Нолан',
    original_name: 'Christopher Nolan',
    role: null,
    profession: 'DIRECTOR',
    profession_name: 'Режиссеры',
    photo_url: 'https://st.kp.yandex.net/images/actor_iphone/iphone360_41477.jpg',
  },
)

export const Related = ListOf(
  Type.Object({
    id: Id,
    kinopoisk_id: Id,
    title: Type.String(),
    original_title: text,
    poster_url: text,
    poster_preview_url: text,
    relation: names('SIMILAR', 'SEQUEL', 'PREQUEL', 'REMAKE', 'UNKNOWN'),
    ...ownState,
  }),
  {
    id: 301,
    kinopoisk_id: 301,
    title: 'Матрица',
    original_title: 'The Matrix',
    poster_url: 'https://kinopoiskapiunofficial.tech/images/posters/kp/301.jpg',
    poster_preview_url: 'https://kinopoiskapiunofficial.tech/images/posters/kp_small/301.jpg',
    relation: 'PREQUEL',
    is_favorite: false,
    in_wishlist: true,
    my_rating: null,
  },
)

export const Facts = ListOf(
  Type.Object({
    type: names('FACT', 'BLOOPER'),
    text: Type.String({ description: 'Plain text: tags are left out, entities decoded' }),
    spoiler: flag,
  }),
  { type: 'FACT', text: 'Съёмки заняли 118 дней.', spoiler: false },
)

export const Videos = ListOf(
  Type.Object({ url: Type.String(), name: text, site: names('YOUTUBE', 'KINOPOISK_WIDGET', 'YANDEX_DISK', 'UNKNOWN') }),
  { url: 'https://www.youtube.com/watch?v=gbcVZgO4n4E', name: 'Официальный трейлер', site: 'YOUTUBE' },
)

/** A parameter that takes one of some values. */
export const oneOf = <T extends string>(values: readonly [T, ...T[]], description: string) =>
  Type.Optional(
    Type.Unsafe<T>({ type: 'string', enum: values, default: values[0], examples: [values[0]], description }),
  )
export const pageUpTo = (maximum: number) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum, default: 1, examples: [1], description: 'Pages of 20' }))
export const paging = { page: Type.Integer({ minimum: 1 }), pages: count, total: count, source: Source }
export const pagingExample = { page: 1, pages: 1, total: 1, source: 'kinopoisk' }

export const ImageQuery = Type.Object({
  type: oneOf(
    ['STILL', 'SHOOTING', 'POSTER', 'FAN_ART', 'PROMO', 'CONCEPT', 'WALLPAPER', 'COVER', 'SCREENSHOT'],
    'The kind of images',
  ),
  page: pageUpTo(20),
})
export const Images = Type.Object(
  { type: Type.String(), ...paging, items: Type.Array(Type.Object({ url: Type.String(), preview_url: text })) },
  {
    examples: [
      {
        type: 'STILL',
        ...pagingExample,
        items: [
          {
            url: 'https://avatars.mds.yandex.net/get-kinopoisk-image/4303601/2924f6c4/orig',
            preview_url: 'https://avatars.mds.yandex.net/get-kinopoisk-image/4303601/2924f6c4/300x',
          },
        ],
      },
    ],
  },
)

export const ReviewQuery = Type.Object({
  page: pageUpTo(100),
  order: oneOf(
    [
      ...(['DATE_DESC', 'DATE_ASC', 'USER_POSITIVE_RATING_ASC', 'USER_POSITIVE_RATING_DESC'] as const),
      ...(['USER_NEGATIVE_RATING_ASC', 'USER_NEGATIVE_RATING_DESC'] as const),
    ],
    'By date, or by the votes that readers gave to reviews',
  ),
})
const Review = Type.Object({
  id: Id,
  type: names('POSITIVE', 'NEGATIVE', 'NEUTRAL', 'UNKNOWN'),
  date: Nullable(Type.String({ format: 'date-time', description: 'Kinopoisk tells no zone; taken as UTC' })),
  positive_votes: integer,
  negative_votes: integer,
  author: text,
  title: text,
  text: Nullable(Type.String({ description: 'Plain text: tags are left out, entities decoded' })),
})
export const Reviews = Type.Object(
  {
    order: Type.String(),
    ...paging,
    total_positive: integer,
    total_negative: integer,
    total_neutral: integer,
    items: Type.Array(Review),
  },
  {
    examples: [
      {
        order: 'DATE_DESC',
        ...pagingExample,
        total_positive: 1,
        total_negative: 0,
        total_neutral: 0,
        items: [
          {
            id: 2,
            type: 'POSITIVE',
            date: '2010-09-05T20:37:00.000Z',
            positive_votes: 122,
            negative_votes: 12,
            author: 'Зритель',
            title: 'Проснись, Нео',
            text: 'Смотреть ещё раз.',
          },
        ],
      },
    ],
  },
)
