import { type TSchema, Type } from '@sinclair/typebox'
import { CountOf, IdOf, Line, Nullable, Poster, posterExample, UpstreamText, WebUrl } from '../../../http/schemas.ts'
import { ownState, Source } from '../schemas.ts'

export const totalOf = CountOf('How many there are at Kinopoisk')
export const dateOf = (description: string) => Nullable(Type.String({ format: 'date', description }))
/** Upstream's own names: those that are known, and whatever it may add. */
export const names = (...known: string[]) => UpstreamText(`${known.join(', ')}; what Kinopoisk adds is passed on`)

/** The answer that is a list; `items` has at most 1000, `total` tells how many there are. */
const ListOf = <T extends TSchema>(title: string, item: T, example: object) =>
  Type.Object(
    {
      total: totalOf,
      source: Source,
      items: Type.Array(item, { maxItems: 1000, description: 'In the order of Kinopoisk; the first 1000' }),
    },
    { title, description: 'What Kinopoisk has', examples: [{ total: 1, source: 'kinopoisk', items: [example] }] },
  )

const numberOf = (description: string) => Type.Integer({ minimum: -2_147_483_648, maximum: 2_147_483_647, description })

const Episode = Type.Object(
  {
    number: numberOf('The number in the season'),
    title: UpstreamText('The title, in Russian'),
    original_title: UpstreamText('The original title'),
    synopsis: UpstreamText('What it is about'),
    release_date: dateOf('When it was first shown'),
  },
  { title: 'Episode', description: 'An episode of a series' },
)
const Season = Type.Object(
  {
    number: numberOf('The number of the season'),
    episodes: Type.Array(Episode, { maxItems: 100_000, description: 'In order' }),
  },
  { title: 'Season', description: 'A season of a series' },
)
export const Seasons = ListOf('Seasons', Season, {
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
  'Staff',
  Type.Object(
    {
      id: IdOf('The id for `/people/{id}`'),
      name: UpstreamText('The name in Russian'),
      original_name: UpstreamText('The name in the language of the person'),
      role: UpstreamText('The part, of actors'),
      profession: names(
        ...[
          'WRITER',
          'OPERATOR',
          'EDITOR',
          'COMPOSER',
          'PRODUCER_USSR',
          'TRANSLATOR',
          'DIRECTOR',
          'DESIGN',
          'PRODUCER',
        ],
        ...['ACTOR', 'VOICE_DIRECTOR', 'UNKNOWN'],
      ),
      profession_name: UpstreamText('The profession in words, in Russian'),
      photo_url: WebUrl('A photo'),
    },
    { title: 'StaffMember', description: 'A person who made a film' },
  ),
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
  'RelatedMovies',
  Type.Object(
    {
      id: IdOf('The id for `/movies/{id}`'),
      kinopoisk_id: IdOf('The same: the id at Kinopoisk'),
      title: Line(500, 'The title, in Russian where there is one'),
      original_title: Nullable(Line(500, 'The original title')),
      poster_url: WebUrl('The poster'),
      poster_preview_url: WebUrl('The poster, small'),
      poster: Poster,
      relation: names('SIMILAR', 'SEQUEL', 'PREQUEL', 'REMAKE', 'UNKNOWN'),
      ...ownState,
    },
    { title: 'RelatedMovie', description: 'A film that has to do with another' },
  ),
  {
    id: 301,
    kinopoisk_id: 301,
    title: 'Матрица',
    original_title: 'The Matrix',
    poster_url: 'https://kinopoiskapiunofficial.tech/images/posters/kp/301.jpg',
    poster_preview_url: 'https://kinopoiskapiunofficial.tech/images/posters/kp_small/301.jpg',
    poster: posterExample,
    relation: 'PREQUEL',
    is_favorite: false,
    in_wishlist: true,
    my_rating: null,
  },
)

export const Facts = ListOf(
  'Facts',
  Type.Object(
    {
      type: names('FACT', 'BLOOPER'),
      text: Line(1_048_576, 'Plain text: tags are left out, entities decoded'),
      spoiler: Nullable(Type.Boolean({ description: 'It tells what happens in the film' })),
    },
    { title: 'Fact', description: 'A fact or a blooper' },
  ),
  { type: 'FACT', text: 'Съёмки заняли 118 дней.', spoiler: false },
)

export const Videos = ListOf(
  'Videos',
  Type.Object(
    {
      url: Type.String({ format: 'uri', maxLength: 2048, description: 'Where it is' }),
      name: UpstreamText('The title'),
      site: names('YOUTUBE', 'KINOPOISK_WIDGET', 'YANDEX_DISK', 'UNKNOWN'),
    },
    { title: 'Video', description: 'A trailer or another video' },
  ),
  { url: 'https://www.youtube.com/watch?v=gbcVZgO4n4E', name: 'Официальный трейлер', site: 'YOUTUBE' },
)
