import { Transform } from 'node:stream'

const quote = 0x22
const lf = 0x0a
const crlf = Buffer.from('\r\n')

/** Ends the lines of a CSV with CR LF as RFC 4180 wants it, where PostgreSQL writes LF; line ends inside of quotes stay. */
export function toCrlf(options: { prefix: string; onChunk: () => void }): Transform {
  let quoted = false
  let first = true

  /** Where lines end. A quote inside of quotes is doubled, so the parity of quotes tells. */
  function findEnds(chunk: Buffer): number[] {
    const ends: number[] = []
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]
      if (byte === quote) quoted = !quoted
      else if (byte === lf && !quoted) ends.push(i)
    }
    return ends
  }

  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      options.onChunk()
      if (first && options.prefix) this.push(options.prefix)
      first = false
      done(null, withCrlf(chunk, findEnds(chunk)))
    },
  })
}

function withCrlf(chunk: Buffer, ends: number[]): Buffer {
  const out = Buffer.allocUnsafe(chunk.length + ends.length)
  let from = 0
  let to = 0
  for (const end of ends) {
    to += chunk.copy(out, to, from, end)
    to += crlf.copy(out, to)
    from = end + 1
  }
  chunk.copy(out, to, from)
  return out
}
