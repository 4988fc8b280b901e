import { Type } from '@sinclair/typebox'
import { Id, Nullable } from '../../http/schemas.ts'
import { Source } from '../movies/schemas.ts'

const text = Nullable(Type.String())
const integer = Nullable(Type.Integer())
const date = Nullable(Type.String({ format: 'date' }))

const PersonFilm = Type.Object({
  id: Id,
  kinopoisk_id: Id,
  title: Type.String(),
  original_title: text,
  rating: Nullable(Type.Number()),
  await_percent: Nullable(Type.Number({ minimum: 0, maximum: 100 })),
  profession: Nullable(
    Type.String({
      description:
        'WRITER, OPERATOR, EDITOR, COMPOSER, PRODUCER_USSR, HIMSELF, HERSELF, HRONO_TITR_MALE, HRONO_TITR_FEMALE, ' +
        'TRANSLATOR, DIRECTOR, DESIGN, PRODUCER, ACTOR, VOICE_DIRECTOR, UNKNOWN; what Kinopoisk adds is passed on',
    }),
  ),
  role: text,
  is_main: Nullable(Type.Boolean({ description: 'One of the works that the person is known for' })),
})

export const PersonParams = Type.Object({ id: { ...Id, examples: [41477] } })

export const Person = Type.Object(
  {
    id: Id,
    name: text,
    original_name: text,
    sex: Nullable(Type.String({ description: 'MALE or FEMALE; what Kinopoisk adds is passed on' })),
    birth_date: date,
    death_date: date,
    age: integer,
    birth_place: text,
    death_place: text,
    height_cm: integer,
    profession: Nullable(Type.String({ description: 'In words, in Russian' })),
    awards: integer,
    photo_url: text,
    web_url: text,
    facts: Type.Array(Type.String()),
    films_total: Type.Integer({ minimum: 0 }),
    films: Type.Array(PersonFilm, {
      description: 'A film once for each profession, in the order of Kinopoisk; the first 1000',
    }),
    source: Source,
  },
  {
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
