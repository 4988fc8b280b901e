import type { Readable } from 'node:stream'
import { AppError, inputFault } from './errors.ts'

/** A request, as far as it is read here: what @fastify/multipart makes of one. */
interface FormRequest {
  raw: Readable
  isMultipart(): boolean
  parts(options: { limits: Record<'fileSize' | 'files' | 'fields' | 'parts', number> }): AsyncIterable<Part>
}

type Part =
  | { type: 'field'; fieldname: string }
  | { type: 'file'; fieldname: string; filename: string; toBuffer(): Promise<Buffer> }

const limits = { fileSize: 5 * 1024 * 1024, files: 2, fields: 1, parts: 2 }
// The rest of a refused body is read and dropped, so that the client can read the answer; a longer one is cut off.
const maxDropped = 64 * 1024 * 1024

/**
 * The one file of a multipart form, in memory: nothing is written anywhere, so there is nothing to clean up.
 * @throws {AppError} invalid_input unless the form is one file named `field`; payload_too_large above 5 MiB
 */
export async function readFile(request: FormRequest, field: string): Promise<{ bytes: Buffer; name: string }> {
  if (!request.isMultipart()) throw inputFault(`body.${field}`, 'is required, as a file of a multipart form')
  try {
    let file: { bytes: Buffer; name: string } | undefined
    for await (const part of request.parts({ limits })) {
      if (part.type !== 'file' || part.fieldname !== field || file) throw notOneFile(field)
      file = { bytes: await part.toBuffer(), name: part.filename }
    }
    return file ?? fail(notOneFile(field))
  } catch (error) {
    dropRest(request)
    throw explain(error, field)
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

function explain(error: unknown, field: string): AppError {
  if (error instanceof AppError) return error
  const { code } = error as { code?: string }
  if (code === 'FST_REQ_FILE_TOO_LARGE') {
    return new AppError('payload_too_large', { detail: 'The file must not be larger than 5 MiB' })
  }
  if (code?.startsWith('FST_') && code !== 'FST_MP_PREMATURE_CLOSE') return notOneFile(field)
  return new AppError('bad_request', { detail: 'The multipart form is damaged or ends too early', cause: error })
}

function notOneFile(field: string): AppError {
  return inputFault('body', `must be a form with one file named ${field} and nothing else`)
}

function fail(error: AppError): never {
  throw error
}
