import { type Static, type TProperties, Type } from '@sinclair/typebox'
import { CountOf, IdOf, Line, Nullable, YearOf } from '../../http/schemas.ts'

const Year = Type.Integer({ minimum: 2000, maximum: 2200, examples: [2026] })
export const StatsQuery = Type.Object({
  year: Type.Optional({ ...Year, description: 'Films that were first rated in it, by UTC; all without it' }),
})

const figures = {
  films: CountOf('How many films the user has rated'),
  hours: Type.Number({
    minimum: 0,
    maximum: 1_000_000,
    description: 'How long they are together, in hours; of films whose length is known',
  }),
  mean: Nullable(Type.Number({ minimum: 1, maximum: 10, description: 'The mean of the own scores; null without any' })),
}
const exampleFigures = { films: 1, hours: 2.3, mean: 9 }

function RowsOf<T extends TProperties>(title: string, of: T, options: { maxItems: number; description: string }) {
  return Type.Array(
    Type.Object({ ...of, ...figures }, { title, description: 'What the user has rated of it' }),
    options,
  )
}

export const Stats = Type.Object(
  {
    year: Nullable({ ...Year, description: 'The year that was asked for; null for all' }),
    ...figures,
    genres: RowsOf(
      'GenreStats',
      { id: IdOf('The genre'), name: Line(100, 'The name of the genre') },
      { maxItems: 100_000, description: 'Most films first' },
    ),
    decades: RowsOf(
      'DecadeStats',
      { decade: YearOf('The first year of the decade') },
      { maxItems: 50, description: 'By the year in which films came out' },
    ),
    directors: RowsOf(
      'DirectorStats',
      { id: IdOf('The director'), name: Line(200, 'The name') },
      { maxItems: 20, description: 'The twenty with most films' },
    ),
    countries: RowsOf(
      'CountryStats',
      { name: Line(100, 'The name of the country, in Russian') },
      { maxItems: 100_000, description: 'Most films first' },
    ),
    scores: Type.Array(
      Type.Object(
        {
          value: Type.Integer({ minimum: 1, maximum: 10, description: 'The score, from 1 to 10 (best)' }),
          films: figures.films,
        },
        { title: 'ScoreStats', description: 'How often the user gave a score' },
      ),
      { maxItems: 10, description: 'All ten, from 1 on' },
    ),
    months: RowsOf(
      'MonthStats',
      { month: Line(7, 'YYYY-MM, by UTC') },
      { maxItems: 4000, description: 'By the month of the first score' },
    ),
  },
  {
    title: 'Stats',
    description: "What a user's scores add up to",
    examples: [
      {
        year: 2026,
        ...exampleFigures,
        genres: [{ id: 1, name: 'фантастика', ...exampleFigures }],
        decades: [{ decade: 1990, ...exampleFigures }],
        directors: [{ id: 1, name: 'Лана Вачовски', ...exampleFigures }],
        countries: [{ name: 'США', ...exampleFigures }],
        scores: [{ value: 9, films: 1 }],
        months: [{ month: '2026-11', ...exampleFigures }],
      },
    ],
  },
)
export type Stats = Static<typeof Stats>
