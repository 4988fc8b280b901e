import { migrate } from './migrate.ts'
import { useServers } from './pool/servers.ts'
import { type DatabaseUrls, findPooler, type Prepare } from './pooler.ts'

interface Settings {
  url: string
  /** Past the pooler, if `url` has one before it. */
  directUrl?: string | undefined
  prepare: Prepare
  acceptsNewer: boolean
  warn?: (line: string) => void
  onWait?: () => void
  onProgress?: (done: number, total: number) => void
}

/** The variables that say it, for the database at `url`, which may be the embedded one. */
export function databaseSettings(
  config: { databaseDirectUrl: string | undefined; prepare: Prepare; acceptsNewer: boolean },
  url: string,
): Settings {
  const { databaseDirectUrl: directUrl, prepare, acceptsNewer } = config
  return { url, directUrl, prepare, acceptsNewer }
}

/**
 * What is found out about the servers at `url` is known until the result is called, though no connection uses it meanwhile:
 * in a start one follows another, and each would wait anew for a server that says nothing.
 */
export function rememberServers(url: string): () => void {
  return useServers(url).release
}

/** Finds out how the database is to be spoken to, and migrates it. What comes back is for `connect` and `openConnection`. */
export async function prepareDatabase(settings: Settings): Promise<Omit<DatabaseUrls, 'warnings'>> {
  const { warnings, ...urls } = await findPooler(settings)
  for (const warning of warnings) settings.warn?.(warning)
  await migrate(urls.sessionUrl, settings)
  return urls
}
