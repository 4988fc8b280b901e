import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { inject } from 'vitest'
import { freshFolder } from './process.ts'

/** A DATA_DIR in which a database was made already: for what is not about the making. */
export async function preparedFolder(): Promise<string> {
  const folder = await freshFolder()
  execFileSync('cp', ['-a', join(inject('preparedDataDir'), 'postgres'), folder])
  return folder
}
