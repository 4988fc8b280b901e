import { Socket } from 'node:net'
import type { FastifyReply } from 'fastify'
import { AppError } from '../errors.ts'

type Response = Pick<FastifyReply, 'raw'>

const windowMs = 30_000
const bytesPerMs = 8

/** Aborted when the client goes away before the answer is complete. */
export function clientSignal({ raw }: Response): AbortSignal {
  const controller = new AbortController()
  const abort = () => {
    if (!raw.writableFinished) controller.abort(new AppError('bad_request', { detail: 'The client went away' }))
  }
  if (raw.closed) abort()
  else raw.once('close', abort)
  return controller.signal
}

/**
 * For an answer that is streamed: `release` is called when it has ended, whatever way, and a reader that takes less than
 * 8 KB/s over half a minute, as slow as an upload may be, is cut off.
 */
export function whileSent({ raw }: Response, release: () => void): void {
  const stop = raw.socket instanceof Socket ? watchReader(raw.socket) : () => {}
  const end = () => {
    stop()
    release()
  }
  if (raw.closed) end()
  else raw.once('finish', end).once('close', end)
}

function watchReader(socket: Socket): () => void {
  // What has left our own buffers.
  const sent = () => socket.bytesWritten - socket.writableLength
  let before = sent()
  let wasWaiting = false
  const timer = setInterval(() => {
    const now = sent()
    const isWaiting = socket.writableLength > 0
    // What we have not sent yet is not the reader's fault: something must have waited all the time.
    if (isWaiting && wasWaiting && now - before < bytesPerMs * windowMs) socket.destroy()
    before = now
    wasWaiting = isWaiting
  }, windowMs)
  return () => clearInterval(timer)
}
