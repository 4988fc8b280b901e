import { Type } from '@sinclair/typebox'
import { IdOf, Line, Nullable, Text, TimeOf } from '../../http/schemas.ts'

const scopes = ['gateway', 'read', 'lists'] as const

const Scope = Type.Unsafe<(typeof scopes)[number]>({
  title: 'Scope',
  type: 'string',
  enum: scopes,
  description: 'What a personal key may do',
})

const Scopes = Type.Array(Scope, {
  minItems: 1,
  maxItems: scopes.length,
  uniqueItems: true,
  description:
    "`gateway`: the paths that are compatible with Kinopoisk's; `read`: every GET of the user; `lists`: these, and " +
    'writing to lists and ratings',
  examples: [['read']],
})

const Name = Text({ maxLength: 100, description: 'For people: which program uses it', examples: ['Plex at home'] })

const DailyLimit = Nullable(
  Type.Integer({
    minimum: 0,
    maximum: 1_000_000,
    description: 'Calls of Kinopoisk a day that the key may cost, of those of its user; null: as many as the user has',
    examples: [100],
  }),
)

const ExpiresAt = Nullable(
  Type.String({
    format: 'date-time',
    maxLength: 40,
    description: 'In the future; null: never',
    examples: ['2030-01-01T00:00:00Z'],
  }),
)

export const KeyBody = Type.Object(
  {
    name: Name,
    scopes: Type.Optional({ ...Scopes, default: ['gateway', 'read'] }),
    expires_at: Type.Optional(ExpiresAt),
    daily_limit: Type.Optional(DailyLimit),
  },
  {
    title: 'KeyBody',
    description: 'A personal key to be',
    examples: [{ name: 'Plex at home', scopes: ['gateway', 'read'], daily_limit: 100 }],
  },
)

export const KeyChangeBody = Type.Object(
  {
    name: Type.Optional(Name),
    scopes: Type.Optional(Scopes),
    expires_at: Type.Optional(ExpiresAt),
    daily_limit: Type.Optional(DailyLimit),
  },
  { title: 'KeyChangeBody', description: 'Only what is named changes', examples: [{ daily_limit: 200 }] },
)

export const KeyParams = Type.Object({ id: { ...IdOf('The id of the key'), examples: [1] } })

const members = {
  id: IdOf('The id of the key, which is no secret'),
  name: Line(100, 'For people: which program uses it'),
  scopes: Type.Array(Scope, { maxItems: scopes.length, description: 'What it may do' }),
  created_at: TimeOf('When it was made'),
  expires_at: Nullable(TimeOf('When it ends; null: never')),
  daily_limit: DailyLimit,
  last_used_at: Nullable(TimeOf('When it was used last, at most a minute late; null: never')),
}

const example = {
  id: 1,
  name: 'Plex at home',
  scopes: ['gateway' as const, 'read' as const],
  created_at: '2026-11-20T10:00:00.000Z',
  expires_at: null,
  daily_limit: 100,
  last_used_at: null,
}

export const ApiKey = Type.Object(members, {
  title: 'Key',
  description: 'A personal key, without what is secret',
  examples: [example],
})
export const ApiKeys = Type.Array(ApiKey, { title: 'Keys', maxItems: 50, description: 'By id', examples: [[example]] })

export const NewApiKey = Type.Object(
  { ...members, key: Type.String({ format: 'uuid', description: 'Shown only now' }) },
  {
    title: 'NewKey',
    description: 'A personal key, with the key itself',
    examples: [{ ...example, key: '00000000-0000-4000-8000-000000000000' }],
  },
)
