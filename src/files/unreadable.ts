interface Options {
  isBinary?: boolean
  advice?: string
  cause?: unknown
}

/** A file that cannot be read at all; the message says to a person what to change. */
export class UnreadableFile extends Error {
  /** It is no text: another kind of file is needed, not another way of saving it. */
  readonly isBinary: boolean
  /** What could be sent instead, where more than a line is needed to say it. */
  readonly advice: string

  constructor(message: string, { isBinary = false, advice = '', cause }: Options = {}) {
    super(message, { cause })
    this.isBinary = isBinary
    this.advice = advice
  }
}
