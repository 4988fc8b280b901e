import { Type } from '@sinclair/typebox'

const sizes = ['small', 'medium', 'full'] as const

export const PosterQuery = Type.Object({
  size: Type.Optional(
    Type.Unsafe<(typeof sizes)[number]>({
      type: 'string',
      enum: sizes,
      default: 'medium',
      examples: ['medium'],
      description: 'Up to 180, 360 or 1000 pixels wide',
    }),
  ),
  v: Type.Optional(
    Type.String({ maxLength: 20, description: 'Another for another picture, for caches', examples: ['1c3ufd'] }),
  ),
  signature: Type.Optional(
    Type.String({
      maxLength: 100,
      description: 'Of film and size, as `poster` has it: needs no token',
      examples: ['Zk3C8mT0bWq5rX1nV7hJ2w'],
    }),
  ),
})
