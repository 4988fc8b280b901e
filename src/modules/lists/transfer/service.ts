import { listFull } from '../../../errors.ts'
import type { Gateway } from '../../../kinopoisk/gateway.ts'
import type { Caller } from '../../../kinopoisk/request.ts'
import type { MovieService } from '../../movies/service.ts'
import type { Entry, Message } from './entry.ts'
import { type ExportOptions, exportLists } from './export.ts'
import { createLookUps, type Interruption, type LookUps } from './look-ups.ts'
import { batches, type Match, matchFilms } from './matching.ts'
import type { MatchingRepository, VotedFilm } from './matching-repository.ts'
import type { NamedFile } from './read-file.ts'
import { type Ignored, type ImportHints, inOrder, readFiles } from './read-files.ts'
import { createTally, type Report, type Source, type Tally } from './report.ts'
import { type Changes, type Item, type ListName, listNames, maxKept, type TransferRepository } from './repository.ts'
import { readVotes } from './votes.ts'

export type TransferService = ReturnType<typeof createTransferService>

interface Dependencies {
  transfer: TransferRepository
  matching: MatchingRepository
  movies: Pick<MovieService, 'findKnown' | 'findIdsByImdb'>
  kinopoisk: Pick<Gateway, 'votes'>
}

interface Work {
  sources: Source[]
  entries: Entry[]
  faults: Message[]
  notes: Message[]
  isArchive: boolean
  ignored: Ignored[]
  interruption?: Interruption | null
}

/** What is to be in a list, with the row that says it. */
interface Wish extends Item {
  entry: Entry
}

export function createTransferService({ transfer, matching, movies, kinopoisk }: Dependencies) {
  const lookUps = createLookUps({ movies })

  /** Votes contain their films, so no look-up is needed. */
  function votedFilms(films: Map<number, VotedFilm>, dryRun: boolean): LookUps {
    return {
      async byId(ids) {
        const voted = ids.map((id) => films.get(id)).filter((film) => film !== undefined)
        if (!dryRun) for (const part of batches(voted)) await matching.addFilms(part)
        return new Map(voted.map((film) => [film.kinopoisk_id, true]))
      },
      byImdb: async () => new Map(),
      reason: () => '',
      interruption: () => null,
    }
  }

  async function run(caller: Caller, work: Work, lookUps: LookUps, dryRun: boolean): Promise<Report> {
    const { matches, faults, notes } = await matchFilms(matching, work.entries, lookUps)
    const tally = createTally(work.sources)
    tally.fail([...work.faults, ...faults])
    for (const list of listNames) {
      const change = await (dryRun ? previewer : applier)(caller.userId, list)
      for (const part of batches(wishesOf(matches, list, tally))) count(tally, part, await change(part), list)
    }
    const { isArchive, ignored } = work
    const problem = work.interruption ?? lookUps.interruption()
    return tally.report({ dryRun, isArchive, ignored, problem, notes: [...work.notes, ...notes] })
  }

  /** What would be done with the parts of a list, one after the other. */
  async function previewer(userId: number, list: ListName) {
    let room = await transfer.findRoom(userId, list)
    return async (items: Item[]): Promise<Changes> => {
      const existing = await transfer.findExisting(userId, list, items)
      const changed = items.filter(
        ({ film_id, value }) => existing.has(film_id) && existing.get(film_id)?.value !== value,
      )
      const isOlder = ({ film_id }: Item) => existing.get(film_id)?.newer === true
      const fresh = idsOf(items.filter(({ film_id }) => !existing.has(film_id)))
      const created = fresh.slice(0, room)
      room -= created.length
      const rescored = list === 'ratings' ? changed : []
      const updated = idsOf(rescored.filter((item) => !isOlder(item)))
      return { created, updated, older: idsOf(rescored.filter(isOlder)), refused: fresh.slice(created.length) }
    }
  }

  function applier(userId: number, list: ListName) {
    return (items: Item[]): Promise<Changes> =>
      list === 'ratings' ? transfer.rate(userId, items) : transfer.add(userId, list, items)
  }

  return {
    export: (userId: number, options: ExportOptions) => exportLists(transfer, userId, options),

    /** @throws {AppError} those of read-files.ts for a file that cannot be read at all */
    async importFile(caller: Caller, file: NamedFile, options: ImportHints & { dryRun: boolean }) {
      const { readings, isArchive, ignored } = await readFiles(file, options)
      const work: Work = {
        ...{ sources: readings, isArchive, ignored },
        entries: inOrder(readings).flatMap(({ entries }) => entries),
        faults: readings.flatMap(({ faults }) => faults),
        notes: readings.flatMap(({ notes }) => notes),
      }
      return run(caller, work, lookUps(caller), options.dryRun)
    },

    /** @throws {AppError} unknown_reference, or upstream_* when nothing is available */
    async importVotes(caller: Caller, kinopoiskUserId: number, dryRun: boolean) {
      const { films, rows, ...votes } = await readVotes(kinopoisk, kinopoiskUserId, caller)
      const sources: Source[] = [{ name: 'votes', format: 'kinopoisk', rows, unscored: 0 }]
      return run(
        caller,
        { ...votes, sources, notes: [], isArchive: false, ignored: [] },
        votedFilms(films, dryRun),
        dryRun,
      )
    },
  }
}

function idsOf(items: Item[]): number[] {
  return items.map(({ film_id }) => film_id)
}

/**
 * Of a film that the files have several times in a list the newest row counts, and of equally old ones the last. In the
 * order of the files.
 */
function wishesOf(matches: Match[], list: ListName, tally: Tally): Wish[] {
  const wishes = new Map<number, Wish>()
  for (const { entry, film_id } of matches) {
    if (entry.list !== list) continue
    const { value, added_at, updated_at } = entry
    const [wish, other] = [{ film_id, value, added_at, updated_at, entry }, wishes.get(film_id)]
    if (other) tally.count(timeOf(other) > timeOf(wish) ? entry : other.entry, 'repeated')
    if (!other || timeOf(other) <= timeOf(wish)) wishes.set(film_id, wish)
  }
  return [...wishes.values()]
}

/** A row without a time is older than any that has one. */
function timeOf({ added_at, updated_at }: Item): number {
  return Date.parse(updated_at ?? added_at ?? '0000-01-01T00:00:00Z')
}

function count(tally: Tally, wishes: Wish[], changes: Changes, list: ListName): void {
  const sets = (['created', 'updated', 'older'] as const).map((name) => [name, new Set(changes[name])] as const)
  const refused = new Set(changes.refused)
  const { code, message } = listFull(list, maxKept)
  for (const { film_id, entry } of wishes) {
    const [outcome] = sets.find(([, ids]) => ids.has(film_id)) ?? []
    if (refused.has(film_id)) tally.fail([{ file: entry.file, row: entry.row, code, message }])
    else tally.count(entry, outcome ?? 'already_there')
  }
}
