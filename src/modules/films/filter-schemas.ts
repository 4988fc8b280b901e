import { type Static, Type } from '@sinclair/typebox'
import { maxMinutes } from '../../catalogue/film-ids.ts'
import { CountOf, IdOf, Line, Text, YearOf } from '../../http/schemas.ts'

const Traits = (example: string, description: string) =>
  Type.Array(
    Type.String({
      description: 'One of them',
      transform: ['trim', 'toLowerCase'],
      format: 'text',
      minLength: 1,
      maxLength: 100,
      examples: [example],
    }),
    {
      maxItems: 20,
      examples: [[example]],
      description: `${description}; in small or capital letters, and repeated for several`,
    },
  )
const MinutesOf = (description: string) =>
  Type.Integer({ minimum: 1, maximum: maxMinutes, examples: [90], description })

/** What of the catalogue is wanted; filters combine. */
export const FilterQuery = Type.Object({
  genre: Type.Optional(
    Type.Array(Text({ maxLength: 100, examples: ['драма'] }), {
      maxItems: 20,
      examples: [['драма']],
      description: 'Name, in any case, or id; repeated: any of them',
    }),
  ),
  min_rate: Type.Optional(
    Type.Number({ minimum: 0, maximum: 10, description: 'Films with a `rate` of this or more', examples: [7.5] }),
  ),
  director_id: Type.Optional(IdOf('Films of this director')),
  year_from: Type.Optional(YearOf('Films of this year and later')),
  year_to: Type.Optional(YearOf('Films of this year and earlier')),
  q: Type.Optional(
    Text({
      maxLength: 200,
      examples: ['матрица'],
      description:
        'A part of the name or the original name; case, punctuation and ё/е do not matter. One or two characters are ' +
        'looked for at the beginning of words. If no name holds it, the names nearest to it are found, typos forgiven',
    }),
  ),
  country: Type.Optional(Traits('США', 'As Kinopoisk names it')),
  type: Type.Optional(Traits('TV_SERIES', 'By Kinopoisk: FILM, VIDEO, TV_SERIES, MINI_SERIES or TV_SHOW')),
  minutes_from: Type.Optional(MinutesOf('Films of this length in minutes and longer')),
  minutes_to: Type.Optional(MinutesOf('Films of this length in minutes and shorter')),
  decade: Type.Optional(
    Type.Integer({ minimum: 1800, maximum: 2200, multipleOf: 10, examples: [1990], description: 'Its first year' }),
  ),
})
export type FilterQuery = Static<typeof FilterQuery>

const FacetCount = CountOf('How many films of the filter have it')

export const Facets = Type.Object(
  {
    total: CountOf('How many films fit the filter'),
    genres: Type.Array(
      Type.Object(
        { id: IdOf('The genre'), name: Line(100, 'The name of the genre'), count: FacetCount },
        { title: 'GenreFacet', description: 'A genre of films of the filter' },
      ),
      { maxItems: 100_000, description: 'Most films first' },
    ),
    decades: Type.Array(
      Type.Object(
        { decade: YearOf('The first year of the decade'), count: FacetCount },
        { title: 'DecadeFacet', description: 'A decade in which films of the filter came out' },
      ),
      { maxItems: 50, description: 'The latest first' },
    ),
    countries: Type.Array(
      Type.Object(
        { name: Line(100, 'The name of the country, in Russian'), count: FacetCount },
        { title: 'CountryFacet', description: 'A country of films of the filter' },
      ),
      { maxItems: 100_000, description: 'Most films first' },
    ),
  },
  {
    title: 'Facets',
    description:
      'How many films of a filter each genre, decade and country has; a film counts in each of its genres and countries',
    examples: [
      {
        total: 2,
        genres: [{ id: 1, name: 'фантастика', count: 2 }],
        decades: [
          { decade: 2000, count: 1 },
          { decade: 1990, count: 1 },
        ],
        countries: [{ name: 'США', count: 2 }],
      },
    ],
  },
)
export type Facets = Static<typeof Facets>
