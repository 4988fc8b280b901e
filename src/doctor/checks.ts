import { access } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Config, ConfigError, loadConfig, readEnvironment } from '../config/config.ts'
import { checkDatabase } from './database.ts'
import { checkDataDir, checkTemporary } from './disk.ts'
import { bounded, type Checked, type Finding, failed, ok, skipped, warning } from './finding.ts'
import { checkKinopoisk } from './kinopoisk.ts'
import { createCensor } from './secrets.ts'
import { checkS3, s3Settings } from './storage.ts'

const limitMs = 15_000

/** All findings, each as soon as it and those before it are there; no secret is in any. */
export async function* findings(read: () => NodeJS.ProcessEnv = readEnvironment): AsyncGenerator<Finding> {
  const warnings: string[] = []
  let config: Config
  try {
    config = loadConfig(read(), (line) => warnings.push(line))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const fault of error.faults) yield { name: 'configuration', ...failed(fault) }
    yield { name: 'all else', ...skipped('not before the configuration is right') }
    return
  }
  const censor = createCensor(config)
  for await (const finding of findingsBy(config, warnings)) yield { ...finding, message: censor(finding.message) }
}

async function* findingsBy(config: Config, warnings: string[]): AsyncGenerator<Finding> {
  // These go on while the database is being checked.
  const others = Promise.all(othersBy(config).map(async ({ name, result }) => ({ name, ...(await result) })))
  for (const line of warnings) yield { name: 'configuration', ...warning(line) }
  if (warnings.length === 0) yield { name: 'configuration', ...ok(await describe()) }
  yield* checkDatabase(config)
  yield* await others
}

async function describe(): Promise<string> {
  const isThere = await access('.env').then(
    () => true,
    () => false,
  )
  return isThere ? `no fault in it; ${resolve('.env')} is read` : `no fault in it; there is no ${resolve('.env')}`
}

function othersBy(config: Config): { name: string; result: Promise<Checked> }[] {
  const { kinopoisk, dataDir, databaseUrl, jwtSecrets } = config
  const s3 = s3Settings(config)
  const keepsNothing = databaseUrl && jwtSecrets && s3
  const within = (check: () => Promise<Checked>, advice: string) => bounded(limitMs, check, advice)
  return [
    { name: 'kinopoisk', result: within(() => checkKinopoisk(kinopoisk, 10_000), 'Check KINOPOISK_URL') },
    {
      name: 's3',
      result: s3
        ? within(() => checkS3(s3, 12_000), 'Check S3_ENDPOINT')
        : Promise.resolve(ok(`not set: photos are in ${resolve(dataDir)}/photos`)),
    },
    {
      name: 'disk',
      result: keepsNothing
        ? Promise.resolve(ok('DATA_DIR is not used: all is kept elsewhere'))
        : within(() => checkDataDir(dataDir), 'Check DATA_DIR'),
    },
    { name: 'temporary', result: within(checkTemporary, 'Check TMPDIR') },
  ]
}
