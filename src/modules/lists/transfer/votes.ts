import { AppError } from '../../../errors.ts'
import type { Gateway } from '../../../kinopoisk/gateway.ts'
import type { Caller } from '../../../kinopoisk/request.ts'
import type { Entry, Message } from './entry.ts'
import type { Interruption } from './look-ups.ts'
import type { VotedFilm } from './matching-repository.ts'

export interface Votes {
  entries: Entry[]
  faults: Message[]
  films: Map<number, VotedFilm>
  rows: number
  interruption: Interruption | null
}

const maxSeconds = 60

/**
 * All votes of a Kinopoisk user, as far as upstream gives them. Pages before a failure are returned together with it.
 * @throws {AppError} unknown_reference, or upstream_* when not even the first page is available
 */
export async function readVotes(kinopoisk: Pick<Gateway, 'votes'>, userId: number, caller: Caller): Promise<Votes> {
  const votes: Votes = { entries: [], faults: [], films: new Map(), rows: 0, interruption: null }
  const started = Date.now()
  for (let page = 1, pages = 1; page <= pages; page += 1) {
    try {
      if (Date.now() - started > maxSeconds * 1000) throw new AppError('upstream_timeout')
      const result = await kinopoisk.votes(userId, page, caller)
      if (!result.value && page === 1) throw nobody(userId)
      // Of the last page it may be that votes were taken back since the first one came.
      if (!result.value && page < pages) throw noPage(page)
      pages = result.value?.pages ?? 0
      for (const vote of result.value?.items ?? []) add(votes, vote)
      for (let left = result.value?.unusable ?? 0; left > 0; left -= 1) addUnusable(votes)
    } catch (error) {
      if (page === 1 || !(error instanceof AppError)) throw error
      const message = `${error.message}. Pages 1 to ${page - 1} of ${pages} came; the same request later goes on from there`
      votes.interruption = { code: error.code, message }
      return votes
    }
  }
  return votes
}

function add(votes: Votes, { value, ...film }: VotedFilm & { value: number | null }): void {
  votes.rows += 1
  const row = votes.rows
  if (value === null) {
    votes.faults.push({
      file: 0,
      row,
      message: `Kinopoisk tells no score from 1 to 10 of "${film.title.slice(0, 100)}"`,
    })
    return
  }
  votes.films.set(film.kinopoisk_id, film)
  const none = {
    own_id: null,
    imdb_id: null,
    identity: null,
    year: null,
    added_at: null,
    updated_at: null,
    refusal: null,
  }
  // Kinopoisk itself says which film it is: its title proves nothing more.
  votes.entries.push({ ...none, file: 0, row, list: 'ratings', kinopoisk_id: film.kinopoisk_id, titles: [], value })
}

function addUnusable(votes: Votes): void {
  votes.rows += 1
  votes.faults.push({ file: 0, row: votes.rows, message: 'Kinopoisk does not tell which film this vote is for' })
}

function noPage(page: number): AppError {
  return new AppError('upstream_bad_response', { detail: `Kinopoisk has no page ${page} of the votes` })
}

function nobody(userId: number): AppError {
  return new AppError('unknown_reference', { detail: `Kinopoisk knows no user with the id ${userId}` })
}
