import type { Readable } from 'node:stream'
import { AppError, inputFault } from '../../errors.ts'

const limits = { fileSize: 5 * 1024 * 1024, files: 2, fields: 1, parts: 2 }
// The rest of a refused body is read and dropped, so that the client can read the answer; a longer one is cut off.
const maxDropped = 64 * 1024 * 1024

/** As much of a request with a multipart form as is needed here. */
interface FormRequest {
  raw: Readable
  parts(options: { limits: typeof limits }): AsyncIterable<FilePart | { type: 'field' }>
}

interface FilePart {
  type: 'file'
  fieldname: string
  filename: string
  toBuffer(): Promise<Buffer>
}

/**
 * The one file of a multipart form, in memory.
 * @throws {AppError} invalid_input unless the form is one file named `file`; payload_too_large above 5 MiB
 */
export async function readFile(request: FormRequest): Promise<{ bytes: Buffer; name: string }> {
  try {
    let file: { bytes: Buffer; name: string } | undefined
    for await (const part of request.parts({ limits })) {
      if (part.type !== 'file' || part.fieldname !== 'file' || file) throw notOneFile()
      file = { bytes: await part.toBuffer(), name: part.filename }
    }
    if (!file) throw notOneFile()
    return file
  } catch (error) {
    throw explain(error)
  }
}

/** For when the answer is decided: what still comes of the body is read and dropped. */
export function dropRest({ raw }: Pick<FormRequest, 'raw'>): void {
  if (raw.readableEnded || raw.destroyed) return
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
