import { type Entry, fromBufferPromise, type ZipFile } from 'yauzl'
import { workbook } from './kind.ts'
import { UnreadableFile } from './unreadable.ts'

export interface ArchivedFile {
  name: string
  bytes: Buffer
}

interface Limits {
  maxEntries: number
  /** Of one file, and of all that are wanted, when expanded. */
  maxBytes: number
  maxTotal: number
}

/**
 * The wanted files of a zip, one after the other; `onOther` is called with the names of the others. Each is expanded up
 * to its bound and no further, whatever the archive says about it.
 * @throws {UnreadableFile}
 */
export async function* readArchive(
  bytes: Buffer,
  { maxEntries, maxBytes, maxTotal }: Limits,
  isWanted: (name: string) => boolean,
  onOther: (name: string) => void,
): AsyncGenerator<ArchivedFile> {
  const archive = await fromBufferPromise(bytes, { autoClose: false }).catch(damaged)
  const entries = await listEntries(archive, maxEntries)
  refuseWorkbooks(entries.map(({ fileName }) => fileName))
  let total = 0
  for (const entry of entries) {
    const name = entry.fileName
    if (name.endsWith('/')) continue
    if (!isWanted(name)) {
      onOther(name)
      continue
    }
    const file = await expand(archive, entry, Math.min(maxBytes, maxTotal - total))
    total += file.length
    yield { name, bytes: file }
  }
}

async function listEntries(archive: ZipFile, maxEntries: number): Promise<Entry[]> {
  const entries: Entry[] = []
  if (archive.entryCount > maxEntries) throw tooLarge(`has more than ${maxEntries} files`)
  try {
    for await (const entry of archive.eachEntry()) {
      entries.push(entry)
      if (entries.length > maxEntries) throw tooLarge(`has more than ${maxEntries} files`)
    }
    return entries
  } catch (error) {
    return damaged(error)
  }
}

async function expand(archive: ZipFile, entry: Entry, maxBytes: number): Promise<Buffer> {
  const name = entry.fileName.slice(0, 100)
  if (entry.isEncrypted()) throw new UnreadableFile(`${name} in the archive is encrypted: send it without a password`)
  if (entry.uncompressedSize > maxBytes) throw tooLarge(`expands to more than it may, with ${name}`)
  try {
    const parts: Buffer[] = []
    let size = 0
    for await (const part of (await archive.openReadStreamPromise(entry)) as AsyncIterable<Buffer>) {
      size += part.length
      // What the archive says of a size need not be so.
      if (size > maxBytes) throw tooLarge(`expands to more than it may, with ${name}`)
      parts.push(part)
    }
    return Buffer.concat(parts)
  } catch (error) {
    return damaged(error)
  }
}

function refuseWorkbooks(names: string[]): void {
  const has = (form: RegExp) => names.some((name) => form.test(name))
  if (has(/^xl\//)) throw workbook('The file is an .xlsx workbook of Excel')
  if (has(/^word\/|^ppt\//)) throw new UnreadableFile('The file is an Office document, not a table', { isBinary: true })
  if (has(/^content\.xml$/) && has(/^mimetype$/)) throw workbook('The file is an .ods workbook')
  if (has(/^Index\/.*\.iwa$/)) throw workbook('The file is a Numbers workbook')
}

function tooLarge(what: string): UnreadableFile {
  return new UnreadableFile(`The archive ${what}: unpack it, and send its files one by one`)
}

function damaged(error: unknown): never {
  if (error instanceof UnreadableFile) throw error
  throw new UnreadableFile('The archive is damaged or not complete: download it again', {
    isBinary: true,
    cause: error,
  })
}
