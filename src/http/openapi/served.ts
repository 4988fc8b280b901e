import { promisify } from 'node:util'
import { brotliCompress, constants } from 'node:zlib'
import { type JsonPayload, serialize } from '../json-payload.ts'

interface Served {
  payload: JsonPayload
  /** The smallest form. */
  br?: Buffer
}

const smallest = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }
// Half a second of work each, and a client may say any host.
const maxKept = 8

/** The document as clients get it, with the server that they asked. For the first few servers it is compressed once, well. */
export function createServedDocument(document: () => object) {
  const kept = new Map<string, Promise<Served>>()
  return (origin: string): Promise<Served> => {
    const known = kept.get(origin)
    if (known) return known
    const made = make(origin, kept.size < maxKept)
    if (kept.size < maxKept) kept.set(origin, made)
    return made
  }

  async function make(origin: string, isKept: boolean): Promise<Served> {
    const text = JSON.stringify({ ...document(), servers: [{ url: origin, description: 'This service' }] })
    const payload = serialize(text)
    return isKept ? { payload, br: await promisify(brotliCompress)(text, smallest) } : { payload }
  }
}
