import { Type } from '@sinclair/typebox'
import { CountOf, IdOf, Line, Nullable, UpstreamText, WebUrl } from '../../../http/schemas.ts'
import { Source } from '../schemas.ts'
import { names, totalOf } from './schemas.ts'

/** A parameter that takes one of some values. */
export const oneOf = <T extends string>(values: readonly [T, ...T[]], description: string) =>
  Type.Optional(
    Type.Unsafe<T>({ type: 'string', enum: values, default: values[0], examples: [values[0]], description }),
  )
export const pageUpTo = (maximum: number) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum, default: 1, examples: [1], description: 'Pages of 20' }))
export const paging = {
  page: Type.Integer({ minimum: 1, maximum: 1000, description: 'The number of the page, from 1' }),
  pages: CountOf('How many pages there are'),
  total: totalOf,
  source: Source,
}
export const pagingExample = { page: 1, pages: 1, total: 1, source: 'kinopoisk' }

export const ImageQuery = Type.Object({
  type: oneOf(
    ['STILL', 'SHOOTING', 'POSTER', 'FAN_ART', 'PROMO', 'CONCEPT', 'WALLPAPER', 'COVER', 'SCREENSHOT'],
    'The kind of images',
  ),
  page: pageUpTo(20),
})
const Image = Type.Object(
  {
    url: Type.String({ format: 'uri', maxLength: 2048, description: 'The image' }),
    preview_url: WebUrl('The image, small'),
  },
  { title: 'Image', description: 'A still, a poster or another image' },
)
export const Images = Type.Object(
  {
    type: Line(100, 'The kind of images'),
    ...paging,
    items: Type.Array(Image, { maxItems: 1000, description: 'The images of the page' }),
  },
  {
    title: 'Images',
    description: 'A page of images',
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
const Review = Type.Object(
  {
    id: IdOf('The id of the review at Kinopoisk'),
    type: names('POSITIVE', 'NEGATIVE', 'NEUTRAL', 'UNKNOWN'),
    date: Nullable(Type.String({ format: 'date-time', description: 'Kinopoisk tells no zone; taken as UTC' })),
    positive_votes: Nullable(CountOf('How many readers found it useful')),
    negative_votes: Nullable(CountOf('How many readers did not')),
    author: UpstreamText('The name of the author'),
    title: UpstreamText('The headline'),
    text: UpstreamText('Plain text: tags are left out, entities decoded'),
  },
  { title: 'Review', description: 'A review by a user of Kinopoisk' },
)
export const Reviews = Type.Object(
  {
    order: Line(100, 'How they are sorted'),
    ...paging,
    total_positive: Nullable(CountOf('How many like the film')),
    total_negative: Nullable(CountOf('How many do not')),
    total_neutral: Nullable(CountOf('How many do neither')),
    items: Type.Array(Review, { maxItems: 1000, description: 'The reviews of the page' }),
  },
  {
    title: 'Reviews',
    description: 'A page of reviews',
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
