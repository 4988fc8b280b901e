import type { FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import multipart from '@fastify/multipart'
import type { FastifyInstance, FastifySchemaCompiler } from 'fastify'
import fp from 'fastify-plugin'
import { AppError, inputFault } from '../errors.ts'
import { openNameless } from './nameless-file.ts'

/** The part of a request that is used here, as @fastify/multipart makes it. */
interface FormRequest {
  raw: Readable
  headers: { 'content-length'?: string | undefined }
  isMultipart(): boolean
  parts(options: { limits: Record<'fileSize' | 'files' | 'fields' | 'parts', number> }): AsyncIterable<Part>
}

type Part =
  | { type: 'field'; fieldname: string }
  | {
      type: 'file'
      fieldname: string
      filename: string
      file: Readable & { truncated: boolean }
      toBuffer(): Promise<Buffer>
    }

const maxInMemory = 5 * 1024 * 1024
const limits = { files: 2, fields: 1, parts: 2 }
// A client that sends nothing for this time, or is not done after that time, is cut off.
const stallMs = 30_000
const maxMs = 3_600_000
// The rest of a rejected body is read and dropped, so that the client can read the response; a longer one is cut off.
const maxDropped = 64 * 1024 * 1024

/**
 * On a scope of its own: here alone a form with a file can be read, and with `only` nothing else can. The schema of a form is
 * for the documentation: the functions below read it, after all that needs no body has been checked.
 */
export const formsPlugin = fp(async (app: FastifyInstance, { only = false }: { only?: boolean }) => {
  if (only) app.removeAllContentTypeParsers()
  await app.register(multipart)
  const compile = app.validatorCompiler as FastifySchemaCompiler<unknown>
  app.setValidatorCompiler((part) => {
    const { httpPart, contentType } = part as { httpPart?: string; contentType?: string }
    const isForm = only ? httpPart === 'body' : contentType === 'multipart/form-data'
    return isForm ? () => true : compile(part)
  })
})

/**
 * The one file of a multipart form, in memory: nothing is written anywhere, so there is nothing to clean up.
 * @throws {AppError} invalid_input unless the form is one file named `field`; payload_too_large above 5 MiB
 */
export async function readUpload(request: FormRequest, field: string): Promise<{ bytes: Buffer; name: string }> {
  if (!request.isMultipart()) throw inputFault(`body.${field}`, 'is required, as a file of a multipart form')
  try {
    let file: { bytes: Buffer; name: string } | undefined
    for await (const part of request.parts({ limits: { ...limits, fileSize: maxInMemory } })) {
      if (part.type !== 'file' || part.fieldname !== field || file) throw notOneFile(field)
      file = { bytes: await part.toBuffer(), name: part.filename }
    }
    return file ?? fail(notOneFile(field))
  } catch (error) {
    dropRest(request)
    throw explain(error, field, maxInMemory)
  }
}

/**
 * The one file of a multipart form, whole, on disk, without a name: it is gone with the handle, or with the process. It
 * is complete before it is used, so a slow or lost client never holds the database. The caller closes it.
 * @throws {AppError} invalid_input unless the form is one file named `field`; payload_too_large above `limit` bytes
 */
export async function saveUpload(
  request: FormRequest,
  field: string,
  limit: number,
): Promise<{ file: FileHandle; name: string }> {
  if (!request.isMultipart()) throw inputFault(`body.${field}`, 'is required, as a file of a multipart form')
  if (Number(request.headers['content-length'] ?? 0) > limit + 64 * 1024) {
    dropRest(request)
    throw tooLarge(limit)
  }
  const file = await openNameless()
  const bounds = bound(request)
  try {
    let saved: { file: FileHandle; name: string } | undefined
    for await (const part of request.parts({ limits: { ...limits, fileSize: limit } })) {
      if (part.type !== 'file' || part.fieldname !== field || saved) throw notOneFile(field)
      part.file.on('data', bounds.alive)
      await file.writeFile(part.file)
      if (part.file.truncated) throw tooLarge(limit)
      saved = { file, name: part.filename }
    }
    return saved ?? fail(notOneFile(field))
  } catch (error) {
    await file.close()
    dropRest(request)
    throw explain(error, field, limit)
  } finally {
    bounds.clear()
  }
}

/** For when the response is decided: the rest of the body is read and dropped. */
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

function bound({ raw }: FormRequest) {
  const stalled = setTimeout(() => raw.destroy(), stallMs)
  const overdue = setTimeout(() => raw.destroy(), maxMs)
  return {
    alive: () => void stalled.refresh(),
    clear() {
      clearTimeout(stalled)
      clearTimeout(overdue)
    },
  }
}

function explain(error: unknown, field: string, limit: number): AppError {
  if (error instanceof AppError) return error
  const { code } = error as { code?: string }
  if (code === 'FST_REQ_FILE_TOO_LARGE') return tooLarge(limit)
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new AppError('overloaded', { detail: 'There is no room for the file now', cause: error })
  }
  if (code?.startsWith('FST_') && code !== 'FST_MP_PREMATURE_CLOSE') return notOneFile(field)
  return new AppError('bad_request', { detail: 'The multipart form is damaged or ends too early', cause: error })
}

function tooLarge(limit: number): AppError {
  return new AppError('payload_too_large', { detail: `The file must not be larger than ${limit / 1024 ** 2} MiB` })
}

function notOneFile(field: string): AppError {
  return inputFault('body', `must be a form with one file named ${field} and nothing else`)
}

function fail(error: AppError): never {
  throw error
}
