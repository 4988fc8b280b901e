import { AppError } from '../../../errors.ts'
import { readArchive } from '../../../files/archive.ts'
import { kindOf } from '../../../files/kind.ts'
import { UnreadableFile } from '../../../files/unreadable.ts'
import type { Charset } from '../../../text/charsets.ts'
import { type FileReading, type NamedFile, readFile } from './read-file.ts'
import type { ListName } from './repository.ts'
import { plainName } from './which-list.ts'

export interface ImportHints {
  list?: ListName | undefined
  charset?: Charset | undefined
}

/** A file of an archive that is of no use for the lists, and why. */
export interface Ignored {
  file: string
  reason: string
}

export interface Readings {
  readings: FileReading[]
  ignored: Ignored[]
  isArchive: boolean
}

const limits = { maxEntries: 2000, maxBytes: 8 * 1024 ** 2, maxTotal: 24 * 1024 ** 2 }
const maxRows = 60_000
// What was taken away from a diary, or belongs to films that are gone; what others wrote; ratings of what is no film.
const unwanted =
  /(?:^|\/)(?:__macosx|deleted|orphaned)\/|(?:^|\/)likes\/(?!films\.csv$)|(?:^|\/)\.|ratings-(?:episodes|seasons)/i
const readable = /\.(?:csv|tsv|txt|xls|json)$/i

/**
 * Reads a file, or what is of use in an archive.
 * @throws {AppError} invalid_input, unsupported_media_type, payload_too_large
 */
export async function readFiles(file: NamedFile, hints: ImportHints): Promise<Readings> {
  try {
    if (file.bytes.length > 0 && kindOf(file.bytes.subarray(0, 1024)) === 'zip') return await readAll(file, hints)
    const reading = await readFile(file, 0, { ...hints, fileName: file.name })
    return { readings: [reading], ignored: [], isArchive: false }
  } catch (error) {
    throw error instanceof UnreadableFile ? explain(error) : error
  }
}

async function readAll(archive: NamedFile, { list, charset }: ImportHints): Promise<Readings> {
  if (list) throw invalid('An archive can have several lists: leave out list, or send one of its files', 'query.list')
  const ignored: Ignored[] = []
  const readings: FileReading[] = []
  const isWanted = (name: string) => readable.test(name) && !unwanted.test(name)
  const onOther = (name: string) => ignored.push({ file: name, reason: 'has nothing for the lists' })
  for await (const file of readArchive(archive.bytes, limits, isWanted, onOther)) {
    try {
      readings.push(await readFile(file, readings.length, { charset, fileName: file.name }))
    } catch (error) {
      ignored.push({ file: file.name, reason: reasonOf(error) })
    }
    if (readings.reduce((sum, { rows }) => sum + rows, 0) > maxRows) {
      throw new AppError('payload_too_large', {
        detail: `The files of an archive may have ${maxRows} rows: send them one by one`,
      })
    }
  }
  if (readings.length === 0) throw new UnreadableFile(`The archive has no file that can be read${examples(ignored)}`)
  return { readings, ignored, isArchive: true }
}

/** Of scores of the same day that of the ratings counts, so it comes last. */
export function inOrder(readings: FileReading[]): FileReading[] {
  const isRatings = ({ name }: FileReading) => /^ratings/.test(plainName(name))
  return readings.toSorted((a, b) => Number(isRatings(a)) - Number(isRatings(b)))
}

function reasonOf(error: unknown): string {
  if (error instanceof UnreadableFile) return error.message
  if (error instanceof AppError && error.code === 'invalid_input') return error.message
  throw error
}

function examples(ignored: Ignored[]): string {
  return ignored
    .slice(0, 3)
    .map(({ file, reason }) => `; ${file.slice(0, 100)}: ${reason}`)
    .join('')
}

function explain({ message, advice, isBinary }: UnreadableFile): AppError {
  if (advice !== '') return invalid(`${message}. ${advice}`, 'body.file')
  return isBinary ? new AppError('unsupported_media_type', { detail: message }) : invalid(message, 'body.file')
}

function invalid(detail: string, path: string): AppError {
  return new AppError('invalid_input', { detail, errors: [{ path, message: detail }] })
}
