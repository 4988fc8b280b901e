import type { Config } from '../config/config.ts'
import { readPostgresUrl } from '../text/postgres-url.ts'

const hidden = '***'

/** A function that leaves the secrets of the configuration out of a text, in whatever error they have got there. */
export function createCensor(config: Config): (text: string) => string {
  const passwords = [config.databaseUrl, config.databaseDirectUrl, config.databaseReadUrl].flatMap((url) =>
    url ? [readPostgresUrl(url)?.password, /:([^:@/]+)@/.exec(url)?.[1]] : [],
  )
  const secrets = [
    ...passwords,
    ...(config.jwtSecrets ?? []),
    config.kinopoisk.apiKey,
    config.s3.accessKeyId,
    config.s3.secretAccessKey,
    config.admin.password,
    config.metricsToken,
    config.sentryDsn,
  ].filter((secret) => secret !== undefined && secret !== '')
  return (text) => secrets.reduce<string>((rest, secret) => rest.replaceAll(secret as string, hidden), text)
}
