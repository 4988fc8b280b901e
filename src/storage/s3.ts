import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  NoSuchKey,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { AppError } from '../errors.ts'
import type { Storage } from './storage.ts'

export interface S3Settings {
  endpoint: string
  /** Where clients reach the storage, if not at `endpoint`. */
  publicEndpoint?: string | undefined
  region: string
  bucket: string
  accessKeyId: string
  secretAccessKey: string
  /** The bucket in the path (`host/bucket/key`), or in the host (`bucket.host/key`). By default in the host on AWS alone. */
  forcePathStyle?: boolean | undefined
  /** `when_required` for servers that don't know the checksums of 2025 and later. */
  checksums: 'when_supported' | 'when_required'
  /** For a whole call with its repeats. */
  timeoutMs: number
}

const attempts = 3
const urlSeconds = 300

/** A bucket of any S3-speaking server. Clients fetch by a signed URL, good for 5 minutes. */
export function createS3Storage(settings: S3Settings): Storage {
  const { bucket: Bucket, endpoint, publicEndpoint = endpoint } = settings
  const client = createClient(settings, endpoint)
  // A URL to read by needs no checksums, and some servers refuse such parameters.
  const signer = createClient({ ...settings, checksums: 'when_required' }, publicEndpoint)
  const calling = async (call: (abortSignal: AbortSignal) => Promise<unknown>): Promise<void> => {
    try {
      await call(AbortSignal.timeout(settings.timeoutMs))
    } catch (error) {
      throw unavailable(error)
    }
  }

  return {
    // A Buffer with its length, never a stream: checksums of a stream are trailers, which old servers store as data.
    put: (Key, bytes, ContentType) =>
      calling((abortSignal) =>
        client.send(new PutObjectCommand({ Bucket, Key, Body: bytes, ContentLength: bytes.byteLength, ContentType }), {
          abortSignal,
        }),
      ),

    // A URL is signed for one method.
    async get(Key, method) {
      const Command = method === 'HEAD' ? HeadObjectCommand : GetObjectCommand
      return { url: await getSignedUrl(signer, new Command({ Bucket, Key }), { expiresIn: urlSeconds }) }
    },

    async read(Key) {
      const abortSignal = AbortSignal.timeout(settings.timeoutMs)
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }), { abortSignal })
        return Body && Buffer.from(await Body.transformToByteArray())
      } catch (error) {
        if (error instanceof NoSuchKey) return undefined
        throw unavailable(error)
      }
    },

    remove: (Key) => calling((abortSignal) => client.send(new DeleteObjectCommand({ Bucket, Key }), { abortSignal })),

    async close() {
      client.destroy()
      signer.destroy()
    },
  }
}

function createClient(settings: S3Settings, endpoint: string): S3Client {
  return new S3Client({
    endpoint,
    region: settings.region,
    credentials: { accessKeyId: settings.accessKeyId, secretAccessKey: settings.secretAccessKey },
    forcePathStyle: settings.forcePathStyle ?? !/\.amazonaws\.com(\.cn)?$/.test(new URL(endpoint).hostname),
    requestChecksumCalculation: settings.checksums === 'when_required' ? 'WHEN_REQUIRED' : 'WHEN_SUPPORTED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: attempts,
    requestHandler: {
      connectionTimeout: Math.ceil(settings.timeoutMs / attempts),
      requestTimeout: Math.ceil(settings.timeoutMs / attempts),
      throwOnRequestTimeout: true,
    },
  })
}

/** Whatever S3 says, keys and texts of its own included, stays in the log. */
function unavailable(error: unknown): AppError {
  return new AppError('storage_unavailable', {
    detail: 'The storage of photos cannot be used now, try again later',
    cause: error,
  })
}
