import type { Readable } from 'node:stream'
import { AppError, inputFault } from '../../errors.ts'

/** A request, as far as it is read here: what @fastify/multipart makes of one. */
interface FormRequest {
  raw: Readable
  isMultipart(): boolean
  parts(options: { limits: Record<'fileSize' | 'files' | 'fields' | 'parts', number> }): AsyncIterable<Part>
}

type Part = { type: 'field'; fieldname: string } | { type: 'file'; fieldname: string; toBuffer(): Promise<Buffer> }

const mostBytes = 5 * 1024 * 1024
// The rest of a refused body is read and dropped, so that the client can read the answer; a longer one is cut off.
const mostDropped = 64 * 1024 * 1024

/**
 * The bytes of the one file of a multipart form. Nothing is written anywhere, so there is nothing to clean up.
 * @throws {AppError} invalid_input unless the form is one file named `name`; payload_too_large above 5 MiB
 */
export async function readFile(request: FormRequest, name: string): Promise<Buffer> {
  if (!request.isMultipart()) throw inputFault(`body.${name}`, 'is required, as a file of a multipart form')
  try {
    let bytes: Buffer | undefined
    for await (const part of request.parts({ limits: { fileSize: mostBytes, files: 2, fields: 1, parts: 2 } })) {
      if (part.type !== 'file' || part.fieldname !== name || bytes) throw notOneFile(name)
      bytes = await part.toBuffer()
    }
    if (!bytes) throw notOneFile(name)
    return bytes
  } catch (error) {
    dropRest(request)
    throw explain(error, name)
  }
}

function dropRest({ raw }: FormRequest): void {
  raw.unpipe()
  let dropped = 0
  raw.on('data', (chunk: Buffer) => {
    dropped += chunk.length
    if (dropped > mostDropped) raw.destroy()
  })
  raw.resume()
}

function explain(error: unknown, name: string): AppError {
  if (error instanceof AppError) return error
  const { code } = error as { code?: string }
  if (code === 'FST_REQ_FILE_TOO_LARGE') {
    return new AppError('payload_too_large', { detail: 'The photo must not be larger than 5 MiB' })
  }
  if (code?.startsWith('FST_') && code !== 'FST_MP_PREMATURE_CLOSE') return notOneFile(name)
  return new AppError('bad_request', { detail: 'The multipart form is damaged or ends too early', cause: error })
}

function notOneFile(name: string): AppError {
  return inputFault('body', `must be a form with one file named ${name} and nothing else`)
}
