import { Type } from '@sinclair/typebox'
import { CountOf, IdOf, Line, Nullable, Percent, Score, UpstreamText, WebUrl } from '../../http/schemas.ts'
import { Source } from '../movies/schemas.ts'

const date = (description: string) => Nullable(Type.String({ format: 'date', description }))

const PersonFilm = Type.Object(
  {
    id: IdOf('The id for `/movies/{id}`'),
    kinopoisk_id: IdOf('The same: the id at Kinopoisk'),
    title: Line(500, 'The title, in Russian where there is one'),
    original_title: Nullable(Line(500, 'The original title')),
    rating: Score('The rating of Kinopoisk, from 0 to 10 (best)'),
    await_percent: Percent('Of a film that has not come out: the share of users who await it, in percent'),
    profession: Nullable(
      Type.String({
        maxLength: 1_048_576,
        description:
          'WRITER, OPERATOR, EDITOR, COMPOSER, PRODUCER_USSR, HIMSELF, HERSELF, HRONO_TITR_MALE, HRONO_TITR_FEMALE, ' +
          'TRANSLATOR, DIRECTOR, DESIGN, PRODUCER, ACTOR, VOICE_DIRECTOR, UNKNOWN; what Kinopoisk adds is passed on',
      }),
    ),
    role: UpstreamText('The part, of actors'),
    is_main: Nullable(Type.Boolean({ description: 'One of the works that the person is known for' })),
  },
  { title: 'PersonFilm', description: 'A work of a person' },
)

export const PersonParams = Type.Object({ id: { ...IdOf('The id of the person at Kinopoisk'), examples: [41477] } })

export const Person = Type.Object(
  {
    id: IdOf('The id at Kinopoisk'),
    name: UpstreamText('The name in Russian'),
    original_name: UpstreamText('The name in the language of the person'),
    sex: UpstreamText('MALE or FEMALE; what Kinopoisk adds is passed on'),
    birth_date: date('The day of birth'),
    death_date: date('The day of death'),
    age: Nullable(CountOf('Age in years, or at death')),
    birth_place: UpstreamText('Where born, in Russian'),
    death_place: UpstreamText('Where died, in Russian'),
    height_cm: Nullable(CountOf('Height in centimetres')),
    profession: UpstreamText('In words, in Russian'),
    awards: Nullable(CountOf('How many awards')),
    photo_url: WebUrl('A photo'),
    web_url: WebUrl('The page of the person at Kinopoisk'),
    facts: Type.Array(Line(1_048_576, 'A fact, in Russian'), { maxItems: 1000, description: 'Plain text' }),
    films_total: CountOf('How many works there are, also where `films` has not all'),
    films: Type.Array(PersonFilm, {
      maxItems: 1000,
      description: 'A film once for each profession, in the order of Kinopoisk; the first 1000',
    }),
    source: Source,
  },
  {
    title: 'Person',
    description: 'A person as Kinopoisk knows them, null where unknown',
    examples: [
      {
        id: 41477,
        name: 'Кристофер Нолан',
        original_name: 'Christopher Nolan',
        sex: 'MALE',
        birth_date: '1970-07-30',
        death_date: null,
        age: 56,
        birth_place: 'Лондон, Англия, Великобритания',
        death_place: null,
        height_cm: 181,
        profession: 'Режиссер, Сценарист, Продюсер',
        awards: 1,
        photo_url: 'https://kinopoiskapiunofficial.tech/images/actor_posters/kp/41477.jpg',
        web_url: 'https://www.kinopoisk.ru/name/41477/',
        facts: [],
        films_total: 1,
        films: [
          {
            id: 447301,
            kinopoisk_id: 447301,
            title: 'Начало',
            original_title: 'Inception',
            rating: 8.7,
            await_percent: null,
            profession: 'DIRECTOR',
            role: null,
            is_main: true,
          },
        ],
        source: 'kinopoisk',
      },
    ],
  },
)
