import { type Static, Type } from '@sinclair/typebox'
import { Id, Nullable } from '../../http/schemas.ts'

const Year = Type.Integer({ minimum: 2000, maximum: 2200, examples: [2026] })
export const StatsQuery = Type.Object({
  year: Type.Optional({ ...Year, description: 'Films that were first rated in it, by UTC; all without it' }),
})

const figures = {
  films: Type.Integer({ minimum: 0 }),
  hours: Type.Number({ minimum: 0, description: 'Of films whose length is known' }),
  mean: Nullable(Type.Number({ description: 'Of the own scores' })),
}
const exampleFigures = { films: 1, hours: 2.3, mean: 9 }

export const Stats = Type.Object(
  {
    year: Nullable(Year),
    ...figures,
    genres: Type.Array(Type.Object({ id: Id, name: Type.String(), ...figures }), { description: 'Most films first' }),
    decades: Type.Array(Type.Object({ decade: Type.Integer(), ...figures })),
    directors: Type.Array(Type.Object({ id: Id, name: Type.String(), ...figures }), {
      description: 'The twenty with most films',
    }),
    countries: Type.Array(Type.Object({ name: Type.String(), ...figures })),
    scores: Type.Array(Type.Object({ value: Type.Integer({ minimum: 1, maximum: 10 }), films: figures.films }), {
      description: 'All ten, from 1 on',
    }),
    months: Type.Array(Type.Object({ month: Type.String({ description: 'YYYY-MM' }), ...figures })),
  },
  {
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
