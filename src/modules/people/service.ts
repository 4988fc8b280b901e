import { AppError } from '../../errors.ts'
import type { Gateway } from '../../kinopoisk/gateway.ts'
import type { Caller } from '../../kinopoisk/request.ts'

export type PersonService = ReturnType<typeof createPersonService>

export function createPersonService({ kinopoisk }: { kinopoisk: Pick<Gateway, 'supplement'> }) {
  return {
    /** @throws {AppError} person_not_found, or upstream_* when nothing is stored and upstream is not available */
    async find(id: number, caller: Caller) {
      const result = await kinopoisk.supplement('person', { id }, caller)
      if (!result.value)
        throw new AppError('person_not_found', { detail: `Kinopoisk knows no person with the id ${id}` })
      return { person: { ...result.value, source: result.source }, result }
    },
  }
}
