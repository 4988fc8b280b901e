import { Type } from '@sinclair/typebox'
import { ClearableText, Id, Nullable, Timestamp, wholeNumber } from '../../http/schemas.ts'

export const Role = Type.Unsafe<'user' | 'admin'>({ type: 'string', enum: ['user', 'admin'], examples: ['user'] })

export const Profile = Type.Object(
  {
    id: Id,
    login: Type.String(),
    phone: Nullable(Type.String()),
    email: Nullable(Type.String()),
    username: Nullable(Type.String()),
    age: Nullable(Type.Integer()),
    name: Nullable(Type.String()),
    surname: Nullable(Type.String()),
    favorite_genre: Nullable(Id),
    favourite_genre: Nullable(Id),
    role: Role,
    created_at: Timestamp,
  },
  {
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
function LooseInteger(minimum: number, maximum: number, example: number) {
  return Type.Unsafe<number | string | null>({
    type: ['integer', 'string', 'null'],
    minimum,
    maximum,
    maxLength: 11,
    pattern: wholeNumber,
    examples: [example],
  })
}

/** The profile members that a client may send. Both spellings of the genre mean the same. */
export const about = {
  age: Type.Optional(LooseInteger(0, 150, 30)),
  name: Type.Optional(ClearableText({ maxLength: 100, examples: ['Ann'] })),
  surname: Type.Optional(ClearableText({ maxLength: 100, examples: ['Lee'] })),
  favorite_genre: Type.Optional(LooseInteger(1, 2_147_483_647, 1)),
  favourite_genre: Type.Optional(LooseInteger(1, 2_147_483_647, 1)),
}

export const ProfileBody = Type.Object(about, {
  description: 'Only what is named changes; "" or null clears',
  examples: [{ age: 31, favorite_genre: 1 }],
})
