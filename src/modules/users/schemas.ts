import { Type } from '@sinclair/typebox'
import { Id, Nullable, Timestamp } from '../../http/schemas.ts'
import { about } from '../auth/schemas.ts'

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

export const ProfileBody = Type.Object(about, {
  description: 'Only what is named changes; "" or null clears',
  examples: [{ age: 31, favorite_genre: 1 }],
})
