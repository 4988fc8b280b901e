import { isUtf8 } from 'node:buffer'
import type { Charset } from '../text/charsets.ts'
import { UnreadableFile } from './unreadable.ts'

/** A file that can be read from its beginning, more than once. A piece of it is overwritten by the next one. */
export interface Source {
  bytes(): AsyncIterable<Buffer>
}

interface Options {
  charset?: Charset | undefined
  /** How the file of a service begins that once wrote Latin-1. */
  latin1?: RegExp | undefined
}

const headBytes = 4096
const sampleBytes = 1024 * 1024

/**
 * The encoding of a file: by its byte order mark, else as the caller says, else UTF-8 where all of it is, else
 * windows-1251 where that gives words of Cyrillic letters.
 * @throws {UnreadableFile} where it is none of these
 */
export async function findEncoding(source: Source, { charset, latin1 }: Options): Promise<Charset> {
  const utf8 = createUtf8Check()
  let isFirst = true
  for await (const chunk of wholeHead(source.bytes())) {
    if (isFirst) {
      const marked = byMark(chunk)
      if (marked && marked !== 'utf-8') return marked
      if (charset && charset !== 'utf-8' && !marked) return charset
      const [firstLine = ''] = chunk.toString('latin1', 0, headBytes).split(/[\r\n]/, 1)
      if (firstLine.includes('\0')) throw noText()
    }
    isFirst = false
    if (utf8.add(chunk)) break
  }
  const damage = utf8.end()
  if (!damage) return 'utf-8'
  const { sample, head, where, isWide } = damage
  if (!hasUtf8(sample) && isCyrillic(sample) && !charset) return 'windows-1251'
  // What is sound UTF-8 up to one damaged letter is no other encoding.
  if (latin1?.test(head) && !isWide) return 'windows-1252'
  throw new UnreadableFile(
    `The file is not UTF-8 (${where}): save it as "CSV UTF-8", or say its encoding as charset, such as windows-1251`,
  )
}

/** The same bytes; the first piece is long enough to judge by, unless it is all. */
async function* wholeHead(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0)
  for await (const chunk of bytes) {
    if (head) head = Buffer.concat([head, chunk])
    if (head && head.length < headBytes) continue
    yield head ?? chunk
    head = undefined
  }
  if (head) yield head
}

function byMark(head: Buffer): Charset | undefined {
  const mark = head.toString('hex', 0, 4)
  if (mark === 'fffe0000' || mark === '0000feff') {
    throw new UnreadableFile('The file is UTF-32: save it as "CSV UTF-8"')
  }
  if (mark.startsWith('efbbbf')) return 'utf-8'
  if (mark.startsWith('fffe')) return 'utf-16le'
  return mark.startsWith('feff') ? 'utf-16be' : undefined
}

/** Looks for the first byte that is not UTF-8; then keeps what follows, to find the encoding by. */
function createUtf8Check() {
  let head = ''
  let rest: Buffer = Buffer.alloc(0)
  let ends = { lf: 0, cr: 0 }
  let where: string | undefined
  /** Letters of more than one byte have come. */
  let isWide = false
  const sample: Buffer[] = []
  let size = 0

  const keep = (chunk: Buffer) => {
    sample.push(Buffer.from(chunk))
    size += chunk.length
    return size >= sampleBytes
  }
  const countEnds = (bytes: Buffer) => ({ lf: ends.lf + count(bytes, 10), cr: ends.cr + count(bytes, 13) })

  function check(bytes: Buffer, isLast: boolean): boolean {
    const end = isLast ? bytes.length : wholeEnd(bytes)
    const whole = bytes.subarray(0, end)
    if (isUtf8(whole)) {
      isWide ||= whole.some((byte) => byte >= 0x80)
      rest = Buffer.from(bytes.subarray(end))
      ends = countEnds(whole)
      return false
    }
    const sound = new TextDecoder('utf-8').decode(whole).split('\ufffd', 1)[0] ?? ''
    isWide ||= /[\u0080-\uffff]/.test(sound)
    const { lf, cr } = countEnds(Buffer.from(sound))
    where = `line ${1 + (lf || cr)}, behind ${JSON.stringify((sound.split(/[\r\n]/).at(-1) ?? '').slice(-20))}`
    return keep(bytes)
  }

  return {
    /** True when enough is known. */
    add(chunk: Buffer): boolean {
      head ||= chunk.toString('latin1', 0, 100)
      if (where !== undefined) return keep(chunk)
      return check(rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk, false)
    },
    end(): { sample: Buffer; head: string; where: string; isWide: boolean } | undefined {
      if (where === undefined && rest.length > 0) check(rest, true)
      return where === undefined ? undefined : { sample: Buffer.concat(sample), head, where, isWide }
    },
  }
}

/** Without the beginning of a letter at the end. */
function wholeEnd(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte < 0x80) return bytes.length
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? bytes.length - back : bytes.length
  }
  return bytes.length
}

function count(bytes: Buffer, byte: number): number {
  let found = 0
  for (let at = bytes.indexOf(byte); at >= 0; at = bytes.indexOf(byte, at + 1)) found += 1
  return found
}

/** More letters of UTF-8 than bytes that are none: UTF-8 that was damaged, not another encoding. */
function hasUtf8(sample: Buffer): boolean {
  const text = new TextDecoder('utf-8').decode(sample)
  const bad = text.split('\ufffd').length - 1
  return (text.match(/[\u0080-\ufffc\ufffe\uffff]/g)?.length ?? 0) >= bad
}

const cyrillicWord = /[\p{L}\p{M}]*\p{Script=Cyrillic}[\p{L}\p{M}]*/gu
const alphabet = /^[а-яёіїєґў]+$/i

/** Whether windows-1251 makes words of it: of Cyrillic letters alone, in the letters and the case of real words. */
function isCyrillic(sample: Buffer): boolean {
  const words = new TextDecoder('windows-1251').decode(sample).match(cyrillicWord) ?? []
  const long = words.filter((word) => word.length >= 3)
  const isOdd = (word: string) => !alphabet.test(word) || /\p{Ll}\p{Lu}/u.test(word)
  if (long.length === 0 || words.filter(isOdd).length > words.length / 10) return false
  const letters = words.join('').toLowerCase()
  // The ten letters that Russian and Ukrainian have most of: six of ten in real text, three of ten in Greek read so.
  const common = letters.replace(/[^оеаинтсрвлі]/g, '').length
  return common >= letters.length * 0.4
}

function noText(): UnreadableFile {
  return new UnreadableFile(
    'The file is no text in UTF-8: it has NUL bytes, as UTF-16 without its byte order mark has; save it as "CSV UTF-8"',
  )
}
