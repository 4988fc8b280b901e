import { Type } from '@sinclair/typebox'

export const ExportQuery = Type.Object({
  format: Type.Optional(
    Type.Unsafe<'own' | 'letterboxd' | 'imdb'>({
      title: 'ListFormat',
      type: 'string',
      enum: ['own', 'letterboxd', 'imdb'],
      default: 'own',
      description: '`letterboxd`: as Letterboxd imports it; `imdb`: as IMDb exports it',
      examples: ['letterboxd'],
    }),
  ),
  list: Type.Optional(
    Type.Unsafe<'favorites' | 'wishlist' | 'ratings'>({
      title: 'ListName',
      type: 'string',
      enum: ['favorites', 'wishlist', 'ratings'],
      description: 'Only this list. Without it all three, and in the form of Letterboxd or IMDb the ratings',
      examples: ['ratings'],
    }),
  ),
  delimiter: Type.Optional(
    Type.Unsafe<',' | ';'>({
      type: 'string',
      enum: [',', ';'],
      default: ',',
      description: '`;` is for Excel of countries where that is the list separator',
      examples: [';'],
    }),
  ),
  bom: Type.Optional(
    Type.Boolean({
      description:
        'The byte order mark at the beginning, which Excel needs to read Cyrillic. Without it: `true` for our own form, ' +
        '`false` for those of others, which write none',
      examples: [false],
    }),
  ),
})
