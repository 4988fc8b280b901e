import type { Readable } from 'node:stream'

/** The object of a key: a stream to send, or a `url` for the client to fetch soon. */
export type StoredObject = { stream: Readable; size: number; contentType: string } | { url: string }

/**
 * Where photos and pictures live. Every call throws storage_unavailable when the storage can't do it now.
 * Keys are made here in the house: lower-case words with `/` between and one extension, which says the content type.
 */
export interface Storage {
  /** The bytes can be fetched by everyone from the moment that this is done, and not before. */
  put(key: string, bytes: Buffer, contentType: string): Promise<void>
  /** Undefined when there is no object; a storage that returns URLs leaves that to the URL. */
  get(key: string, method: 'GET' | 'HEAD'): Promise<StoredObject | undefined>
  /** The bytes themselves; undefined when there is no object. */
  read(key: string): Promise<Buffer | undefined>
  /** Also fine when there is nothing. */
  remove(key: string): Promise<void>
  close(): Promise<void>
}
