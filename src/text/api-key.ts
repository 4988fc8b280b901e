import { hash } from 'node:crypto'

const uuid = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'
const keyForm = new RegExp(`^${uuid}$`, 'i')
const keysWithin = new RegExp(uuid, 'gi')

/** A personal key looks like a key of Kinopoisk's, which is a UUID: clients take nothing else. */
export function isKeyShaped(text: string): boolean {
  return keyForm.test(text)
}

/** What is stored of a key: its SHA-256, here in hex. A key is random, so no slower hash is needed. */
export function hashOfKey(key: string): string {
  return hash('sha256', key.toLowerCase(), 'hex')
}

/** The text without what may be a key, which some clients write into the path. */
export function withoutKeys(text: string): string {
  return text.replace(keysWithin, '***')
}
