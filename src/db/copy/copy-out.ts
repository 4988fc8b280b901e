import { Socket } from 'node:net'
import { Readable, type ReadableOptions } from 'node:stream'
import type { Client, Submittable } from 'pg'

/** The members of pg's connection that are used, which its types do not show. */
interface Connection {
  stream: Readable
  query(text: string): void
}

const blockBytes = 64 * 1024
/** How long rows wait for others to fill a block, where the server is slower than the reader. */
const lingerMs = 5

/**
 * `COPY … TO STDOUT (format csv)` in blocks of 64 KiB, read from the server no faster than from the stream. Lines end
 * with CR LF as RFC 4180 wants it, where PostgreSQL writes LF. `onBlock` is called for each block.
 *
 * It takes over the socket while the COPY runs, as pg-copy-streams does, but costs less than half of that and a search
 * for line ends: each message of the server is one line, so no search among the quotes is needed.
 */
export function copyOut(client: Client, text: string, onBlock: () => void = () => {}): Readable {
  let socket: Readable | undefined
  let linger: NodeJS.Timeout | undefined
  let begun = false
  const { append, flush, reuse } = createBlocks((block) => {
    clearTimeout(linger)
    linger = undefined
    if (rows.destroyed) return
    onBlock()
    if (!rows.push(block)) socket?.pause()
  })
  const rows = new Rows(reuse, {
    highWaterMark: blockBytes,
    read: () => socket?.resume(),
    destroy(error, done) {
      clearTimeout(linger)
      done(error)
    },
  })
  const take = createReader(append)
  const lend = (lends: boolean) => {
    if (socket instanceof LendingSocket) socket.lends = lends
  }

  const query = {
    submit(connection: Connection) {
      socket = connection.stream
      const [parse] = socket.listeners('data') as ((chunk: Buffer) => void)[]
      const onData = (chunk: Buffer) => {
        const rest = take(chunk)
        if (begun) linger ??= setTimeout(flush, lingerMs)
        else flush()
        begun = true
        if (!rest || !parse) return
        lend(false)
        socket?.off('data', onData).on('data', parse).resume()
        parse(Buffer.from(rest))
      }
      lend(true)
      socket.removeAllListeners('data').on('data', onData)
      connection.query(text)
    },
    handleCommandComplete() {
      flush()
      rows.push(null)
    },
    handleReadyForQuery() {},
    handleError(error: Error) {
      rows.destroy(error)
    },
  }
  client.query(query as Submittable)
  return rows
}

/**
 * A socket for `copyOut` that reads into one buffer again and again. A new one for each read is garbage outside of the
 * heap, and for every 64 MB of that V8 marks all of the heap: in a service with a large cache that took as long as the
 * COPY. Over TLS each deciphered block is new all the same.
 */
export class LendingSocket extends Socket {
  /** Whether the listener is done with the bytes when it returns. Else they are copied for it. */
  lends = false

  constructor() {
    const read = (length: number, buffer: Uint8Array) => this.receive(buffer.subarray(0, length))
    super({ onread: { buffer: Buffer.allocUnsafeSlow(blockBytes), callback: read } })
  }

  private receive(bytes: Uint8Array): boolean {
    this.emit('data', this.lends ? bytes : Buffer.from(bytes))
    return true
  }
}

/** Blocks that are reused when their target has handed them to the system; see LendingSocket. */
class Rows extends Readable {
  private readonly reuse: (block: Buffer) => void

  constructor(reuse: (block: Buffer) => void, options: ReadableOptions) {
    super(options)
    this.reuse = reuse
  }

  override pipe<T extends NodeJS.WritableStream>(target: T, { end = true } = {}): T {
    this.on('data', (block: Buffer) => {
      if (!target.write(block, (error) => error || this.reuse(block))) this.pause()
    })
    if (end) this.once('end', () => target.end())
    target.on('drain', () => this.resume())
    return target
  }
}

/** Fills blocks of one size, however much comes at a time. */
function createBlocks(onBlock: (block: Buffer) => void) {
  const idle: Buffer[] = []
  const lent = new WeakMap<Buffer, Buffer>()
  let block = take()
  let filled = 0

  function take(): Buffer {
    return idle.pop() ?? Buffer.allocUnsafeSlow(blockBytes)
  }

  function flush(): void {
    if (filled === 0) return
    const full = block.subarray(0, filled)
    lent.set(full, block)
    block = take()
    filled = 0
    onBlock(full)
  }

  /** For a block that is not used any more. */
  function reuse(full: Buffer): void {
    const block = lent.get(full)
    if (block) idle.push(block)
  }

  function append(bytes: Buffer, from: number, to: number): void {
    for (let at = from; at < to; ) {
      if (filled === blockBytes) flush()
      const copied = bytes.copy(block, filled, at, to)
      filled += copied
      at += copied
    }
  }

  return { append, flush, reuse }
}

const lf = 0x0a
const crlf = Buffer.from('\r\n')
const [copyData, ...others] = Buffer.from('dHcNSA')

/**
 * Reads the messages of a COPY, wherever they are cut: each is a letter, 32 bits of length (with themselves) and its
 * content. Rows go to `append`; skipped are CopyOutResponse, CopyDone, and messages that the server may send at any
 * time. Returns the rest from the first other message on: it is not of the COPY.
 */
function createReader(append: (bytes: Buffer, from: number, to: number) => void) {
  let head: Buffer | undefined
  let left = 0
  let isRow = false

  return (bytes: Buffer): Buffer | undefined => {
    const chunk = head ? Buffer.concat([head, bytes]) : bytes
    head = undefined
    for (let at = 0; at < chunk.length; ) {
      if (left === 0) {
        const type = chunk[at] as number
        isRow = type === copyData
        if (!isRow && !others.includes(type)) return chunk.subarray(at)
        if (chunk.length - at < 5) {
          head = Buffer.from(chunk.subarray(at))
          return undefined
        }
        left = chunk.readUInt32BE(at + 1) - 4
        at += 5
      }
      const to = Math.min(at + left, chunk.length)
      left -= to - at
      const ends = isRow && left === 0 && chunk[to - 1] === lf
      if (isRow) append(chunk, at, ends ? to - 1 : to)
      if (ends) append(crlf, 0, crlf.length)
      at = to
    }
    return undefined
  }
}
