import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createFolderStorage } from '../storage/folder.ts'
import type { S3Settings } from '../storage/s3.ts'
import type { Storage } from '../storage/storage.ts'

declare module 'fastify' {
  interface FastifyInstance {
    storage: Storage
  }
}

type S3Account = Pick<S3Settings, 'endpoint' | 'region' | 'bucket' | 'accessKeyId' | 'secretAccessKey'>

interface Options {
  dataDir: string
  /** All of it, or nothing: config.ts sees to that. */
  s3: { [Part in keyof S3Account]: string | undefined }
  s3Options: Omit<S3Settings, keyof S3Account>
}

/** Photos: in S3 where that is configured, else in a folder of DATA_DIR. */
export default fp(async (app: FastifyInstance, { dataDir, s3, s3Options }: Options) => {
  const storage = isComplete(s3)
    ? await openS3({ ...s3, ...s3Options })
    : await createFolderStorage(join(dataDir, 'photos'))
  app.decorate('storage', storage)
  app.addHook('onClose', () => storage.close())
})

function isComplete(s3: Options['s3']): s3 is S3Account {
  return Object.values(s3).every(Boolean)
}

/** The SDK is loaded only where it is used: it takes a tenth of a second. */
async function openS3(settings: S3Settings): Promise<Storage> {
  const { createS3Storage } = await import('../storage/s3.ts')
  return createS3Storage(settings)
}
