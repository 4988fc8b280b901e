import { listFull } from '../../../errors.ts'
import type { Gateway } from '../../../kinopoisk/gateway.ts'
import type { Caller } from '../../../kinopoisk/request.ts'
import type { MovieService } from '../../movies/service.ts'
import { readTable } from './csv.ts'
import { type ExportOptions, exportLists } from './export.ts'
import { type Entry, type Fault, type FormatName, readEntries } from './formats.ts'
import { createLookUps, type Interruption, type LookUps } from './look-ups.ts'
import { batches, type Match, matchFilms } from './matching.ts'
import type { MatchingRepository, VotedFilm } from './matching-repository.ts'
import { type Item, type ListName, listNames, maxKept, type Outcome, type TransferRepository } from './repository.ts'
import { readVotes } from './votes.ts'

export type TransferService = ReturnType<typeof createTransferService>

interface Dependencies {
  transfer: TransferRepository
  matching: MatchingRepository
  movies: Pick<MovieService, 'findKnown'>
  kinopoisk: Pick<Gateway, 'votes'>
}

export interface Report {
  format: FormatName | 'kinopoisk'
  dry_run: boolean
  rows: number
  created: number
  updated: number
  skipped: number
  errors: Fault[]
  problem: Interruption | null
}

interface Work {
  format: Report['format']
  entries: Entry[]
  errors: Fault[]
  rows: number
  films?: Map<number, VotedFilm>
  interruption?: Interruption | null
}

export function createTransferService({ transfer, matching, movies, kinopoisk }: Dependencies) {
  const lookUp = createLookUps({ movies })

  /** Votes contain their films, so no look-up is needed. */
  function lookUpIn(films: Map<number, VotedFilm> | undefined, caller: Caller, dryRun: boolean) {
    return async (ids: number[]): Promise<LookUps> => {
      if (!films) return lookUp(ids, caller)
      const voted = ids.map((id) => films.get(id)).filter((film) => film !== undefined)
      if (!dryRun) for (const part of batches(voted)) await matching.addFilms(part)
      return { films: new Set(voted.map((film) => film.kinopoisk_id)), skipped: new Map(), interruption: null }
    }
  }

  async function run(caller: Caller, work: Work, dryRun: boolean): Promise<Report> {
    const look = lookUpIn(work.films, caller, dryRun)
    const { matches, errors, interruption } = await matchFilms(matching, work.entries, look)
    let [created, updated] = [0, 0]
    const faults = [...work.errors, ...errors]
    for (const list of listNames) {
      const change = await (dryRun ? previewer : applier)(caller.userId, list)
      for (const part of batches(itemsOf(matches, list))) {
        const done = await change(part)
        created += done.created
        updated += done.updated
        faults.push(...rowsOf(part, done.refused, list))
      }
    }
    return {
      format: work.format,
      dry_run: dryRun,
      rows: work.rows,
      created,
      updated,
      skipped: work.rows - faults.length - created - updated,
      errors: faults.toSorted((a, b) => a.row - b.row),
      problem: work.interruption ?? interruption,
    }
  }

  /** What would be done with the parts of a list, one after the other. */
  async function previewer(userId: number, list: ListName) {
    let room = await transfer.findRoom(userId, list)
    return async (items: Item[]): Promise<Outcome> => {
      const ids = items.map((item) => item.film_id)
      const existing = await transfer.findExisting(userId, list, ids)
      const isChanged = ({ film_id, value }: Item) => existing.has(film_id) && existing.get(film_id) !== value
      const fresh = ids.filter((id) => !existing.has(id))
      const created = Math.min(fresh.length, room)
      room -= created
      const updated = list === 'ratings' ? items.filter(isChanged).length : 0
      return { created, updated, refused: fresh.slice(created) }
    }
  }

  function applier(userId: number, list: ListName) {
    return (items: Item[]): Promise<Outcome> =>
      list === 'ratings' ? transfer.rate(userId, items) : transfer.add(userId, list, items)
  }

  return {
    export: (userId: number, options: ExportOptions) => exportLists(transfer, userId, options),

    /** @throws {AppError} those of csv.ts and formats.ts for a file that cannot be read at all */
    async importFile(
      caller: Caller,
      file: { bytes: Buffer; name: string },
      options: { list?: ListName | undefined; dryRun: boolean },
    ) {
      const reading = await readEntries(await readTable(file.bytes), { list: options.list, fileName: file.name })
      return run(caller, reading, options.dryRun)
    },

    /** @throws {AppError} unknown_reference, or upstream_* when nothing is available */
    async importVotes(caller: Caller, kinopoiskUserId: number, dryRun: boolean) {
      const votes = await readVotes(kinopoisk, kinopoiskUserId, caller)
      return run(caller, { format: 'kinopoisk', ...votes }, dryRun)
    },
  }
}

/** A film that a file has several times in a list: its last row counts. In the order of the file. */
function itemsOf(matches: Match[], list: ListName): Item[] {
  const items = new Map<number, Item>()
  for (const { entry, film_id } of matches) {
    const { row, value, added_at, updated_at } = entry
    if (entry.list === list) items.set(film_id, { row, film_id, value, added_at, updated_at })
  }
  return [...items.values()]
}

/** The rows of films for which the list has no room. */
function rowsOf(items: Item[], refused: number[], list: ListName): Fault[] {
  const { code, message } = listFull(list, maxKept)
  const ids = new Set(refused)
  return items.filter((item) => ids.has(item.film_id)).map(({ row }) => ({ row, code, message }))
}
