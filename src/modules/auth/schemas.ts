import { Type } from '@sinclair/typebox'
import { ClearableText, Line, Nullable, Text, TimeOf } from '../../http/schemas.ts'
import { about } from '../users/schemas.ts'

// An empty one, or null, counts as missing.
const login = {
  login: Type.Optional(
    ClearableText({ maxLength: 254, description: 'Phone, e-mail or user name', examples: ['ann@example.org'] }),
  ),
  email: Type.Optional(ClearableText({ maxLength: 254, description: 'E-mail address', examples: ['ann@example.org'] })),
  phone: Type.Optional(
    ClearableText({ maxLength: 32, description: 'Phone number, in any usual form', examples: ['+380501234567'] }),
  ),
  username: Type.Optional(
    ClearableText({ maxLength: 254, description: 'User name; a login of OAuth 2', examples: ['ann'] }),
  ),
}

// Never trimmed: spaces belong to a password.
const NewPassword = Type.String({
  minLength: 8,
  maxLength: 128,
  format: 'text',
  description: 'From 8 characters on, and not easy to guess',
  examples: ['correct horse battery'],
})
const Password = Type.String({
  minLength: 1,
  maxLength: 128,
  format: 'text',
  description: 'The password',
  examples: ['correct horse battery'],
})

const aLogin = 'Exactly one of login, email, phone and username.'

export const RegisterBody = Type.Object(
  { ...login, password: NewPassword, ...about },
  {
    title: 'RegisterBody',
    description: aLogin,
    examples: [{ login: 'ann@example.org', password: 'correct horse battery' }],
  },
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
  {
    title: 'LoginBody',
    description: aLogin,
    examples: [{ login: 'ann@example.org', password: 'correct horse battery' }],
  },
)

export const RefreshBody = Type.Object(
  {
    access_token: Type.Optional(
      ClearableText({
        maxLength: 4096,
        description: 'May be absent, or have expired; one that is sent must be of the same session',
      }),
    ),
    refresh_token: Text({ maxLength: 4096, description: 'As the last answer gave it' }),
  },
  {
    title: 'RefreshBody',
    description: 'The refresh token, and maybe the access token',
    examples: [{ access_token: 'eyJhbGciOiJIUzI1NiJ9…', refresh_token: '5e0f6c1e-….0.…' }],
  },
)

export const PasswordBody = Type.Object(
  {
    old_password: Type.Optional({ ...Password, description: 'The present password' }),
    new_password: Type.Optional(NewPassword),
    password_1: Type.Optional({ ...Password, description: 'The same as `old_password`' }),
    password_2: Type.Optional({ ...NewPassword, description: 'The same as `new_password`' }),
  },
  {
    title: 'PasswordBody',
    description: 'The old and the new password, under either pair of names',
    examples: [{ old_password: 'correct horse battery', new_password: 'staple correct horse' }],
  },
)

export const ResetBody = Type.Object(
  { token: Text({ maxLength: 200, description: 'As an administrator has passed it on' }), new_password: NewPassword },
  {
    title: 'ResetBody',
    description: 'A reset token and the password to be',
    examples: [{ token: 'mYq3T0y7…', new_password: 'staple correct horse' }],
  },
)

export const PasswordReset = Type.Object(
  {
    token: Type.String({ maxLength: 200, description: 'Shown only now: for the user, who sends it to /auth/reset' }),
    expires_at: TimeOf('Until when it is good'),
  },
  {
    title: 'PasswordReset',
    description: 'A reset token of a user',
    examples: [{ token: 'mYq3T0y7…', expires_at: '2026-11-29T12:00:00.000Z' }],
  },
)

export const TokenPair = Type.Object(
  {
    access_token: Line(4096, 'Sent with every request as `Authorization: Bearer …`'),
    refresh_token: Line(4096, 'Sent once to `PUT /auth/login` for a new pair'),
    token_type: Type.Literal('Bearer', { description: 'How the access token is sent' }),
    expires_in: Type.Integer({
      minimum: 1,
      maximum: 2_147_483_647,
      description: 'Seconds until the access token expires',
    }),
  },
  {
    title: 'TokenPair',
    description: 'An access token for requests, and a refresh token for the next pair',
    examples: [
      { access_token: 'eyJhbGciOiJIUzI1NiJ9…', refresh_token: '7f0c…', token_type: 'Bearer', expires_in: 900 },
    ],
  },
)

/** The token pair without the refresh token, which is in a cookie. */
export const WebToken = Type.Omit(TokenPair, ['refresh_token'], {
  title: 'WebToken',
  description: 'The access token of the page; its refresh token is in a cookie',
})

const SessionId = Type.String({
  format: 'uuid',
  description: 'The id of the session',
  examples: ['7f0c2f4e-3f0a-4a52-9d0b-0d6a2a3c9f11'],
})

export const SessionParams = Type.Object({ id: SessionId })

const Session = Type.Object(
  {
    id: SessionId,
    created_at: TimeOf('When it began'),
    last_used_at: TimeOf('When it was logged in or refreshed last'),
    expires_at: TimeOf('When it ends, if it is not refreshed'),
    user_agent: Nullable(
      Type.String({
        maxLength: 16_384,
        description: 'The program, as it named itself',
        examples: ['Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0'],
      }),
    ),
    ip: Nullable(Type.String({ maxLength: 64, description: 'Where it was used from last', examples: ['203.0.113.7'] })),
    current: Type.Boolean({ description: 'The session that asks', examples: [true] }),
  },
  { title: 'Session', description: 'A log-in that has not ended' },
)

const time = '2026-11-20T10:00:00.000Z'

export const Sessions = Type.Array(Session, {
  title: 'Sessions',
  maxItems: 500,
  description: 'The one used last comes first',
  examples: [
    [
      {
        id: '7f0c2f4e-3f0a-4a52-9d0b-0d6a2a3c9f11',
        created_at: time,
        last_used_at: time,
        expires_at: '2026-12-20T10:00:00.000Z',
        user_agent: 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0',
        ip: '203.0.113.7',
        current: true,
      },
    ],
  ],
})
