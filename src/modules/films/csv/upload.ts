import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyRequest } from 'fastify'
import '@fastify/multipart'
import { AppError, inputFault } from '../../../errors.ts'

export const mostBytes = 1024 ** 3
// A client that sends nothing for so long, or isn't done after so long, is cut off.
const stallMs = 30_000
const longestMs = 3_600_000
// The rest of a refused body is read and dropped, so that the client can read the answer; a longer one is cut off.
const mostDropped = 64 * 1024 * 1024

/** A file that has come whole, on disk. It has no name there, so it is gone with the handle, or with the process. */
export type Upload = FileHandle

/**
 * The one file `file` of a multipart form. That it has come whole before it is used keeps a slow or lost client away from
 * the database. The caller closes it.
 * @throws {AppError} invalid_input unless the form is one file named `file`; payload_too_large above `limit` bytes
 */
export async function receiveFile(request: FastifyRequest, limit = mostBytes): Promise<Upload> {
  if (!request.isMultipart()) throw inputFault('body.file', 'is required, as a file of a multipart form')
  if (Number(request.headers['content-length'] ?? 0) > limit + 64 * 1024) {
    dropRest(request)
    throw tooLarge(limit)
  }
  const file = await openNameless()
  const bounds = bound(request)
  try {
    let received = false
    for await (const part of request.parts({ limits: { fileSize: limit, files: 2, fields: 1, parts: 2 } })) {
      if (part.type !== 'file' || part.fieldname !== 'file' || received) throw notOneFile()
      part.file.on('data', bounds.alive)
      await file.writeFile(part.file)
      if (part.file.truncated) throw tooLarge(limit)
      received = true
    }
    if (!received) throw notOneFile()
    return file
  } catch (error) {
    await file.close()
    dropRest(request)
    throw explain(error, limit)
  } finally {
    bounds.clear()
  }
}

async function openNameless(): Promise<FileHandle> {
  const folder = await mkdtemp(join(tmpdir(), 'kinoteka-import-'))
  try {
    return await open(join(folder, 'file'), 'wx+', 0o600)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function bound({ raw }: FastifyRequest) {
  const stalled = setTimeout(() => raw.destroy(), stallMs)
  const overdue = setTimeout(() => raw.destroy(), longestMs)
  return {
    alive: () => void stalled.refresh(),
    clear() {
      clearTimeout(stalled)
      clearTimeout(overdue)
    },
  }
}

function dropRest({ raw }: FastifyRequest): void {
  raw.unpipe()
  let dropped = 0
  raw.on('data', (chunk: Buffer) => {
    dropped += chunk.length
    if (dropped > mostDropped) raw.destroy()
  })
  raw.resume()
}

function explain(error: unknown, limit: number): AppError {
  if (error instanceof AppError) return error
  const { code } = error as { code?: string }
  if (code === 'FST_REQ_FILE_TOO_LARGE') return tooLarge(limit)
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new AppError('overloaded', { detail: 'There is no room for the file now', cause: error })
  }
  if (code?.startsWith('FST_') && code !== 'FST_MP_PREMATURE_CLOSE') return notOneFile()
  return new AppError('bad_request', { detail: 'The multipart form is damaged or ends too early', cause: error })
}

function tooLarge(limit: number): AppError {
  return new AppError('payload_too_large', { detail: `The file must not be larger than ${limit} bytes` })
}

function notOneFile(): AppError {
  return inputFault('body', 'must be a form with one file named file and nothing else')
}
