import { Type } from '@sinclair/typebox'
import { ClearableText, Nullable, Text, Timestamp } from '../../http/schemas.ts'
import { about } from '../users/schemas.ts'

// An empty one, or null, counts as missing.
const login = {
  login: Type.Optional(
    ClearableText({ maxLength: 254, description: 'Phone, e-mail or user name', examples: ['ann@example.org'] }),
  ),
  email: Type.Optional(ClearableText({ maxLength: 254, examples: ['ann@example.org'] })),
  phone: Type.Optional(ClearableText({ maxLength: 32, examples: ['+380501234567'] })),
  username: Type.Optional(ClearableText({ maxLength: 254, examples: ['ann'] })),
}

// Never trimmed: spaces belong to a password.
const NewPassword = Type.String({ minLength: 8, maxLength: 128, format: 'text', examples: ['correct horse battery'] })
const Password = Type.String({ minLength: 1, maxLength: 128, format: 'text', examples: ['correct horse battery'] })

const aLogin = 'Exactly one of login, email, phone and username.'

export const RegisterBody = Type.Object(
  { ...login, password: NewPassword, ...about },
  { description: aLogin, examples: [{ login: 'ann@example.org', password: 'correct horse battery' }] },
)

export const LoginBody = Type.Object(
  {
    ...login,
    password: Password,
    refresh_token: Type.Optional(
      Type.String({
        maxLength: 4096,
        description:
          'Of an earlier session of the account, ended or not: it shows that this device was logged in before',
        examples: ['5e0f6c1e-….0.…'],
      }),
    ),
  },
  { description: aLogin, examples: [{ login: 'ann@example.org', password: 'correct horse battery' }] },
)

export const RefreshBody = Type.Object(
  {
    access_token: Type.Optional(
      ClearableText({
        maxLength: 4096,
        description: 'May be absent, or have expired; one that is sent must be of the same session',
      }),
    ),
    refresh_token: Text({ maxLength: 4096 }),
  },
  { examples: [{ access_token: 'eyJhbGciOiJIUzI1NiJ9…', refresh_token: '5e0f6c1e-….0.…' }] },
)

export const PasswordBody = Type.Object(
  {
    old_password: Type.Optional(Password),
    new_password: Type.Optional(NewPassword),
    password_1: Type.Optional(Password),
    password_2: Type.Optional(NewPassword),
  },
  {
    description: 'The old and the new password, under either pair of names',
    examples: [{ old_password: 'correct horse battery', new_password: 'staple correct horse' }],
  },
)

export const ResetBody = Type.Object(
  { token: Text({ maxLength: 200, description: 'As an administrator has passed it on' }), new_password: NewPassword },
  { examples: [{ token: 'mYq3T0y7…', new_password: 'staple correct horse' }] },
)

export const PasswordReset = Type.Object(
  {
    token: Type.String({ description: 'Shown only now: for the user, who sends it to /auth/reset' }),
    expires_at: Timestamp,
  },
  { examples: [{ token: 'mYq3T0y7…', expires_at: '2026-11-29T12:00:00.000Z' }] },
)

export const TokenPair = Type.Object(
  {
    access_token: Type.String(),
    refresh_token: Type.String(),
    token_type: Type.Literal('Bearer'),
    expires_in: Type.Integer({ description: 'Seconds until the access token expires' }),
  },
  {
    examples: [
      { access_token: 'eyJhbGciOiJIUzI1NiJ9…', refresh_token: '7f0c…', token_type: 'Bearer', expires_in: 900 },
    ],
  },
)

/** The token pair without the refresh token, which is in a cookie. */
export const WebToken = Type.Omit(TokenPair, ['refresh_token'])

const SessionId = Type.String({ format: 'uuid', examples: ['7f0c2f4e-3f0a-4a52-9d0b-0d6a2a3c9f11'] })

export const SessionParams = Type.Object({ id: SessionId })

export const Sessions = Type.Array(
  Type.Object({
    id: SessionId,
    created_at: Timestamp,
    last_used_at: Type.Unsafe<Date>({ ...Timestamp, description: 'When it was logged in or refreshed last' }),
    expires_at: Timestamp,
    user_agent: Nullable(Type.String({ examples: ['Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0'] })),
    ip: Nullable(Type.String({ description: 'Where it was used from last', examples: ['203.0.113.7'] })),
    current: Type.Boolean({ description: 'The session that asks', examples: [true] }),
  }),
)
