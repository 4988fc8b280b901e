import type { Semaphore } from '../../semaphore.ts'
import type { StatsRepository } from './stats-repository.ts'
import type { Stats } from './stats-schemas.ts'

export type StatsService = ReturnType<typeof createStatsService>

interface Dependencies {
  stats: StatsRepository
  /** A user's films are read whole: that must not take all connections. */
  semaphore: Semaphore
}

/** What a user has watched, by the user's own scores. */
export function createStatsService({ stats, semaphore }: Dependencies) {
  return {
    /** @throws {AppError} overloaded */
    async find(userId: number, year?: number): Promise<Stats> {
      const rows = await semaphore.run(userId, () => stats.read(userId, year))
      const of = (kind: string) =>
        rows
          .filter((row) => row.kind === kind)
          .toSorted((a, b) => b.films - a.films || (a.name ?? '').localeCompare(b.name ?? ''))
          .map(({ id, name, films, minutes, mean }) => ({
            ...{ id: id ?? 0, name: name ?? '' },
            ...{ films, hours: Math.round(minutes / 6) / 10, mean },
          }))
      const [total] = of('total')
      const scores = new Map(of('score').map(({ id, films }) => [id, films]))
      return {
        year: year ?? null,
        ...{ films: total?.films ?? 0, hours: total?.hours ?? 0, mean: total?.mean ?? null },
        genres: of('genre'),
        decades: of('decade')
          .map(({ id, ...rest }) => ({ decade: id, ...rest }))
          .toSorted((a, b) => a.decade - b.decade),
        directors: of('director'),
        countries: of('country'),
        scores: Array.from({ length: 10 }, (_, index) => ({ value: index + 1, films: scores.get(index + 1) ?? 0 })),
        months: of('month')
          .map(({ name, ...rest }) => ({ month: name, ...rest }))
          .toSorted((a, b) => (a.month < b.month ? -1 : 1)),
      }
    },
  }
}
