import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * The JWT secret of an embedded service: created on the first start, stored in `dataDir`, so that sessions outlive
 * restarts.
 */
export async function readOrCreateSecret(dataDir: string): Promise<string> {
  const path = join(dataDir, 'jwt-secret')
  return read(path).catch(async () => {
    await mkdir(dataDir, { recursive: true })
    const fresh = `${path}-${randomBytes(6).toString('hex')}`
    const file = await open(fresh, 'wx', 0o600)
    await file.writeFile(randomBytes(32).toString('base64url'))
    await file.sync()
    await file.close()
    await link(fresh, path).catch(() => {}) // another start was first: theirs it is
    await rm(fresh)
    return read(path)
  })
}

async function read(path: string): Promise<string> {
  const secret = (await readFile(path, 'utf8')).trim()
  if (secret.length < 32) throw new Error(`${path} is damaged: remove it, everybody will have to log in again`)
  return secret
}
