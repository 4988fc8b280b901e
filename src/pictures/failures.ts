/** Why there is no picture. `none`: there is none at the address, or nothing that is one; `failed`: it could not be had now. */
export class PictureFailure extends Error {
  readonly outcome: 'none' | 'failed'
  /** In a word, for the log and the metrics. */
  readonly reason: Reason

  constructor(outcome: 'none' | 'failed', reason: Reason, cause?: unknown) {
    super(`picture: ${reason}`, { cause })
    this.name = 'PictureFailure'
    this.outcome = outcome
    this.reason = reason
  }
}

export const reasons = [
  ...(['not_found', 'redirect', 'too_large', 'not_a_picture', 'placeholder', 'damaged'] as const),
  ...(['private_address', 'connection', 'timeout', 'status', 'paused'] as const),
] as const
export type Reason = (typeof reasons)[number]
