import { Type } from '@sinclair/typebox'
import { Id, Nullable, PageQuery, Text } from '../../http/schemas.ts'

// A pattern and not the format `date`, so that "" can clear it; whether it is a day of the past the service checks.
const BirthDate = Nullable(
  Type.String({
    transform: ['trim'],
    maxLength: 10,
    pattern: '^(\\d{4}-\\d{2}-\\d{2})?$',
    description: 'YYYY-MM-DD, a day of the past from 1800 on; `""` or null: not known',
    examples: ['1930-05-31'],
  }),
)

export const Director = Type.Object(
  {
    id: Id,
    name: Type.String(),
    date_of_birth: Nullable(Type.String({ format: 'date' })),
    photo_url: Nullable(Type.String({ description: 'The address of the photo on this service' })),
  },
  {
    examples: [{ id: 1, name: 'Клинт Иствуд', date_of_birth: '1930-05-31', photo_url: '/directors/1/photo' }],
  },
)

export const DirectorQuery = Type.Object({
  ...PageQuery.properties,
  q: Type.Optional(
    Text({
      maxLength: 200,
      examples: ['иствуд'],
      description: 'A part of the name; case, punctuation and ё/е do not matter',
    }),
  ),
})

export const Directors = Type.Array(Director)

export const DirectorBody = Type.Object(
  { name: Text({ maxLength: 200, examples: ['Клинт Иствуд'] }), date_of_birth: Type.Optional(BirthDate) },
  { examples: [{ name: 'Клинт Иствуд', date_of_birth: '1930-05-31' }] },
)

export const DirectorChange = Type.Partial(DirectorBody, {
  description: 'Only what is named changes',
  examples: [{ date_of_birth: '1930-05-31' }],
})

/** Documentation: the form is read by forms.ts. */
export const PhotoForm = Type.Object(
  {
    photo: Type.Unsafe<Buffer>({
      type: 'string',
      format: 'binary',
      contentMediaType: 'image/*',
      description: 'JPEG, PNG or WebP up to 5 MiB and 50 megapixels, by its content and not by its name',
    }),
  },
  { description: 'A form with this one file and nothing else', examples: [{ photo: '(the bytes of photo.jpg)' }] },
)
