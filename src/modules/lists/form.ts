import type { FastifyRequest } from 'fastify'
import '@fastify/multipart'
import { AppError, inputFault } from '../../errors.ts'

const maxBytes = 5 * 1024 * 1024
// The rest of a refused body is read and dropped, so that the client can read the answer; a longer one is cut off.
const maxDropped = 64 * 1024 * 1024

/**
 * The one file of a multipart form, in memory.
 * @throws {AppError} invalid_input unless the form is one file named `file`; payload_too_large above 5 MiB
 */
export async function readFile(request: FastifyRequest): Promise<{ bytes: Buffer; name: string }> {
  try {
    let file: { bytes: Buffer; name: string } | undefined
    for await (const part of request.parts({ limits: { fileSize: maxBytes, files: 2, fields: 1, parts: 2 } })) {
      if (part.type !== 'file' || part.fieldname !== 'file' || file) throw notOneFile()
      file = { bytes: await part.toBuffer(), name: part.filename ?? '' }
    }
    if (!file) throw notOneFile()
    return file
  } catch (error) {
    dropRest(request)
    throw explain(error)
  }
}

function dropRest({ raw }: FastifyRequest): void {
  raw.unpipe()
  let dropped = 0
  raw.on('data', (chunk: Buffer) => {
    dropped += chunk.length
    if (dropped > maxDropped) raw.destroy()
  })
  raw.resume()
}

function explain(error: unknown): AppError {
  if (error instanceof AppError) return error
  const { code } = error as { code?: string }
  if (code === 'FST_REQ_FILE_TOO_LARGE') {
    return new AppError('payload_too_large', { detail: 'The file must not be larger than 5 MiB' })
  }
  if (code?.startsWith('FST_') && code !== 'FST_MP_PREMATURE_CLOSE') return notOneFile()
  return new AppError('bad_request', { detail: 'The multipart form is damaged or ends too early', cause: error })
}

function notOneFile(): AppError {
  return inputFault('body', 'must be a form with one file named file and nothing else')
}
