import type { FileHandle } from 'node:fs/promises'
import { Readable, Writable } from 'node:stream'
import { openNameless } from './nameless-file.ts'

const blockBytes = 64 * 1024

/**
 * Makes streams that take their source at its own pace: what their reader is too slow for waits in a nameless file. All
 * files together take `maxBytes`, each a quarter of that at most; beyond it the source waits for the reader.
 */
export function createSpool({ maxBytes }: { maxBytes: number }) {
  let total = 0

  return (source: Readable): Readable => {
    let file: FileHandle | undefined
    // What stands in the file: written up to here, and read up to there.
    let [written, read] = [0, 0]
    let [isWanted, isReading, isSaving, hasEnded] = [false, false, false, false]
    let onDrained: (() => void) | undefined

    const reader = new Readable({
      highWaterMark: blockBytes,
      read() {
        isWanted = true
        advance().catch((error) => reader.destroy(error))
      },
      destroy(error, done) {
        total -= written
        source.destroy()
        onDrained?.()
        Promise.resolve(file?.close()).then(() => done(error), done)
      },
    })
    const push = (bytes: Buffer) => {
      isWanted = false
      reader.push(bytes)
    }

    /** Gives what the reader waits for, if it is there. */
    async function advance(): Promise<void> {
      if (!isWanted || isReading || reader.destroyed) return
      if (file && read < written) {
        isReading = true
        const length = Math.min(blockBytes, written - read)
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, read)
        isReading = false
        read += bytesRead
        if (!reader.destroyed) push(buffer.subarray(0, bytesRead))
      } else if (!isSaving) {
        // The file begins anew.
        total -= written
        written = 0
        read = 0
        if (hasEnded) reader.push(null)
        onDrained?.()
      }
    }

    async function save(block: Buffer): Promise<void> {
      isSaving = true
      file ??= await openNameless()
      if (reader.destroyed) return file.close()
      for (let at = 0; at < block.length; ) {
        const { bytesWritten } = await file.write(block, at, block.length - at, written + at)
        at += bytesWritten
      }
      isSaving = false
      if (reader.destroyed) return
      written += block.length
      total += block.length
      await advance()
    }

    /** The block is the source's again when this resolves. */
    async function take(block: Buffer): Promise<void> {
      const isDrained = () => isWanted && !isReading && read === written
      const isFull = total + block.length > maxBytes || written + block.length > maxBytes / 4
      if (isFull && !isDrained()) {
        const { promise, resolve } = Promise.withResolvers<void>()
        onDrained = resolve
        await promise
        onDrained = undefined
      }
      if (reader.destroyed) return
      if (isDrained()) push(Buffer.from(block))
      else await save(block)
    }

    const writer = new Writable({
      write: (block: Buffer, _encoding, done) => void take(block).then(() => done(), done),
      final(done) {
        hasEnded = true
        advance().then(() => done(), done)
      },
    })
    for (const stream of [source, writer]) stream.on('error', (error) => reader.destroy(error))
    source.pipe(writer)
    return reader
  }
}
