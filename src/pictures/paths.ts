import { createHmac, createSecretKey, hkdfSync, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'

export const sizes = ['small', 'medium', 'full'] as const
export type Size = (typeof sizes)[number]

/** The size that answers lead to. */
const linked: Size = 'medium'
const signatureLength = 22

export type PosterPaths = ReturnType<typeof createPosterPaths>

/** Of an address: another for another picture. */
const versionOf = (source: string) => crc32(source).toString(36)

/**
 * Signed paths of posters, for `<img>`, which sends no token. A signature is good for one film in one size, as long as
 * the secret is: whoever has it may see a picture, which is no secret.
 */
export function createPosterPaths(secrets: readonly string[], sourceOf: (url: string | null) => string | undefined) {
  const keys = secrets.map((secret) => {
    return createSecretKey(new Uint8Array(hkdfSync('sha256', secret, '', 'kinoteka posters', 32)))
  })
  const sign = (key: (typeof keys)[number], id: number, size: Size) =>
    createHmac('sha256', key).update(`${id} ${size}`).digest('base64url').slice(0, signatureLength)

  return {
    /** The path of a film's poster; null where there is none to be had. `v` changes with the picture. */
    pathOf(id: number, url: string | null): string | null {
      const source = url === null ? undefined : sourceOf(url)
      const [key] = keys
      if (source === undefined || !key) return null
      return `/films/${id}/poster?size=${linked}&v=${versionOf(source)}&signature=${sign(key, id, linked)}`
    },

    versionOf,

    isSigned(id: number, size: Size, signature: string): boolean {
      const given = Buffer.from(signature)
      return keys.some((key) => {
        const expected = Buffer.from(sign(key, id, size))
        return given.length === expected.length && timingSafeEqual(given, expected)
      })
    },
  }
}
