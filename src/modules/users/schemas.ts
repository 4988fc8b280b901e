import { Type } from '@sinclair/typebox'
import { ClearableText, IdOf, Line, Nullable, TimeOf, wholeNumber } from '../../http/schemas.ts'

export const Role = Type.Unsafe<'user' | 'admin'>({
  title: 'Role',
  type: 'string',
  enum: ['user', 'admin'],
  description: 'Administrators change the catalogue and the users',
  examples: ['user'],
})

export const Profile = Type.Object(
  {
    id: IdOf('The id of the user'),
    login: Line(254, 'The phone, e-mail or user name to log in with, in its normal form'),
    phone: Nullable(Line(32, 'The login, where it is a phone number: + and digits (E.164)')),
    email: Nullable(Line(254, 'The login, where it is an e-mail address')),
    username: Nullable(Line(254, 'The login, where it is a user name')),
    age: Nullable(Type.Integer({ minimum: 0, maximum: 150, description: 'Age in years' })),
    name: Nullable(Line(100, 'First name')),
    surname: Nullable(Line(100, 'Last name')),
    favorite_genre: Nullable(IdOf('The favourite genre, by id')),
    favourite_genre: Nullable(IdOf('The same, in British spelling')),
    role: Role,
    created_at: TimeOf('When the user registered'),
  },
  {
    title: 'User',
    description: "A user's profile",
    examples: [
      {
        id: 1,
        login: 'ann@example.org',
        phone: null,
        email: 'ann@example.org',
        username: null,
        age: 30,
        name: 'Ann',
        surname: null,
        favorite_genre: 1,
        favourite_genre: 1,
        role: 'user',
        created_at: '2026-11-20T10:00:00.000Z',
      },
    ],
  },
)

/** A number, also as text (forms send text); `""` or null: none. */
function LooseInteger(minimum: number, maximum: number, example: number, description: string) {
  return Type.Unsafe<number | string | null>({
    type: ['integer', 'string', 'null'],
    minimum,
    maximum,
    maxLength: 11,
    pattern: wholeNumber,
    description,
    examples: [example],
  })
}

/** The profile members that a client may send. Both spellings of the genre mean the same. */
export const about = {
  age: Type.Optional(LooseInteger(0, 150, 30, 'Age in years; as text too; `""` and null clear it')),
  name: Type.Optional(ClearableText({ maxLength: 100, description: 'First name', examples: ['Ann'] })),
  surname: Type.Optional(ClearableText({ maxLength: 100, description: 'Last name', examples: ['Lee'] })),
  favorite_genre: Type.Optional(
    LooseInteger(1, 2_147_483_647, 1, 'The favourite genre, by id; as text too; `""` and null clear it'),
  ),
  favourite_genre: Type.Optional(LooseInteger(1, 2_147_483_647, 1, 'The same as `favorite_genre`')),
}

export const ProfileBody = Type.Object(about, {
  title: 'ProfileBody',
  description: 'Only what is named changes; "" or null clears',
  examples: [{ age: 31, favorite_genre: 1 }],
})
