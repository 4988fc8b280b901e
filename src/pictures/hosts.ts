import { isIP } from 'node:net'

// Where upstream has pictures, and where Kinopoisk itself has them; a leading dot is for all names below.
const usual = [
  'kinopoiskapiunofficial.tech',
  'kinopoisk.ru',
  '.kinopoisk.ru',
  '.kp.yandex.net',
  'avatars.mds.yandex.net',
]

/** The hosts that pictures are fetched from: the usual ones, upstream's, and those that the operator adds. */
export function createPictureHosts({ upstream, others = [] }: { upstream: string; others?: readonly string[] }) {
  const allowed = [...usual, new URL(upstream).hostname, ...others]
  const isAllowed = (host: string) => isOneOf(host, allowed) && isIP(host) === 0

  return {
    /** Whether it is the operator that has added its host. */
    isAdded: ({ hostname }: URL) => isOneOf(hostname, others),

    /** The address, if a picture may be fetched there: https at the usual port, and a host by its name. */
    read(url: string | null): URL | undefined {
      // Most films have such an address: nothing is parsed for those that have none.
      const parsed = url?.startsWith('https://') ? URL.parse(url) : null
      const isPlain = parsed && parsed.port === '' && parsed.username === '' && parsed.password === ''
      return isPlain && isAllowed(parsed.hostname) ? parsed : undefined
    },
  }
}

function isOneOf(host: string, names: readonly string[]): boolean {
  return names.some((name) => (name.startsWith('.') ? host.endsWith(name) : host === name))
}
