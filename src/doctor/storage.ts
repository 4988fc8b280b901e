import { randomUUID } from 'node:crypto'
import type { Config } from '../config/config.ts'
import type { S3Settings } from '../storage/s3.ts'
import { type Checked, failed, ok, warning } from './finding.ts'

const wrongAccount = 'S3 does not take S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY'
const advice: Record<string, string> = {
  NoSuchBucket: 'there is no such bucket. Make it, or correct S3_BUCKET',
  InvalidAccessKeyId: wrongAccount,
  SignatureDoesNotMatch: `${wrongAccount}: the secret is another one`,
  AccessDenied: 'the account may not write there. Give it PutObject, GetObject and DeleteObject on S3_BUCKET',
  PermanentRedirect: 'the bucket is in another region. Correct S3_REGION and S3_ENDPOINT',
  AuthorizationHeaderMalformed: 'the bucket is in another region. Correct S3_REGION',
  RequestTimeTooSkewed: 'the clock of this machine is wrong. Set it by NTP',
  ECONNREFUSED: 'nothing listens at S3_ENDPOINT. Check it, and whether the storage runs',
  ENOTFOUND: 'there is no such host. Check S3_ENDPOINT; S3_FORCE_PATH_STYLE=true keeps the bucket out of the host',
  AbortError: 'no answer within S3_TIMEOUT. Check S3_ENDPOINT, and the way there',
  TimeoutError: 'no answer within S3_TIMEOUT. Check S3_ENDPOINT, and the way there',
}

/** Undefined where photos are in a folder. */
export function s3Settings({ s3, s3Options }: Config): S3Settings | undefined {
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = s3
  if (!endpoint || !region || !bucket || !accessKeyId || !secretAccessKey) return undefined
  return { endpoint, region, bucket, accessKeyId, secretAccessKey, ...s3Options }
}

/** An object is written, fetched as clients fetch it, and removed. */
export async function checkS3(settings: S3Settings, limitMs: number): Promise<Checked> {
  const { createS3Storage } = await import('../storage/s3.ts')
  const storage = createS3Storage({ ...settings, timeoutMs: Math.min(settings.timeoutMs, limitMs / 2) })
  const key = `doctor/${randomUUID()}.txt`
  try {
    await storage.put(key, Buffer.from(key), 'text/plain')
    const fetched = await fetchBack(storage, key, limitMs / 4)
    await storage.remove(key)
    return fetched ?? ok(`an object was written to ${settings.bucket}, fetched by a signed URL, and removed`)
  } catch (error) {
    return failed(adviceFor((error as Error).cause))
  } finally {
    await storage.close()
  }
}

type S3 = ReturnType<typeof import('../storage/s3.ts')['createS3Storage']>

async function fetchBack(storage: S3, key: string, limitMs: number): Promise<Checked | undefined> {
  const stored = await storage.get(key, 'GET')
  if (!stored || !('url' in stored)) return undefined
  const where = new URL(stored.url).host
  const response = await fetch(stored.url, { signal: AbortSignal.timeout(limitMs) }).catch(() => undefined)
  if (!response)
    return warning(`objects are written, but cannot be fetched at ${where} from here. Clients must reach it`)
  if (response.ok && (await response.text()) === key) return undefined
  return failed(
    `objects are written, but a signed URL at ${where} has ${response.status}. S3_PUBLIC_ENDPOINT must lead to the same storage`,
  )
}

/** By the name of the error: its text may have the account in it. */
function adviceFor(error: unknown): string {
  const { name = '', code = '' } = (error ?? {}) as { name?: string; code?: string }
  const known = advice[name] ?? advice[code]
  return (
    known ??
    `S3 refuses with ${[name, code].find((each) => /^\w+$/.test(each)) ?? 'an error'}. Check the five S3 variables`
  )
}
