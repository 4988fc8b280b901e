import type { ErrorCode } from '../../../errors.ts'
import type { ListName } from './repository.ts'

/** A row of a file: a film in a list. */
export interface Entry {
  /** Which of the files of an import. */
  file: number
  row: number
  list: ListName
  kinopoisk_id: number | null
  /** Of a film made here, or in another installation. */
  own_id: number | null
  imdb_id: string | null
  /** The film's id at the service that the file is of: two of them are two films. */
  identity: string | null
  /** In any language and spelling; the first is as the file has it. */
  titles: string[]
  year: number | null
  /** Of a rating, 1…10. */
  value: number | null
  added_at: string | null
  updated_at: string | null
  /** Why it is never taken, though it says something of other rows. */
  refusal: string | null
}

/** What a row's author should know of it: a fault, or a note about a row that was taken. */
export interface Message {
  file: number
  row: number
  column?: string | undefined
  message: string
  /** Where the API has a code for it. */
  code?: ErrorCode
}

export const skipReasons = ['already_there', 'no_score', 'repeated', 'older'] as const
export type SkipReason = (typeof skipReasons)[number]

export type Outcome = 'created' | 'updated' | SkipReason
