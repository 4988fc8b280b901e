import type { Variant } from '../../pictures/encode.ts'
import type { Storage } from '../../storage/storage.ts'
import type { FetchedPicture, PictureRepository } from './repository.ts'

export type VariantName = Variant['name']
export type PictureStore = ReturnType<typeof createPictureStore>

interface Dependencies {
  pictures: PictureRepository
  storage: Pick<Storage, 'put' | 'read' | 'remove'>
  maxBytes: number
  onKept(bytes: number): void
}

type Kept = { film_id: number; content_hash: string | null }

const names: VariantName[] = ['small.webp', 'medium.webp', 'full.webp', 'small.jpg', 'full.jpg']
// Fewer films may share one, such as the parts of a series.
const filmsOfPlaceholder = 5
const contentTypes = { webp: 'image/webp', jpg: 'image/jpeg' } as const

/**
 * The pictures that are kept, up to `maxBytes` in all, the least recently used removed first. A row names objects before
 * they are there and until they are gone: whatever fails in between, none is left that no row names. One that is missing is
 * fetched again.
 */
export function createPictureStore({ pictures, storage, maxBytes, onKept }: Dependencies) {
  async function removeObjects({ film_id, content_hash }: Kept): Promise<void> {
    if (content_hash === null) return
    await Promise.all(names.map((name) => storage.remove(keyOf(film_id, content_hash, name))))
  }

  async function evict(): Promise<void> {
    let total = await pictures.totalBytes()
    while (total > maxBytes) {
      const unused = await pictures.findUnused()
      if (unused.length === 0) return
      for (const each of unused) {
        if (total <= maxBytes) break
        await removeObjects(each)
        await pictures.remove(each.film_id, each.content_hash)
        total -= each.bytes
      }
    }
    onKept(total)
  }

  return {
    removeObjects,
    evict,
    isNearlyFull: async () => (await pictures.totalBytes()) > 0.8 * maxBytes,

    read: (filmId: number, contentHash: string, name: VariantName) => storage.read(keyOf(filmId, contentHash, name)),

    async keep(filmId: number, source: string, contentHash: string, variants: Variant[]): Promise<void> {
      const bytes = variants.reduce((sum, variant) => sum + variant.bytes.length, 0)
      await pictures.save({ filmId, source, contentHash, bytes })
      for (const { name, bytes } of variants) {
        await storage.put(keyOf(filmId, contentHash, name), bytes, contentTypeOf(name))
      }
    },

    /** Whether these bytes are what the host shows for films without a poster: they are sent for many. */
    async isPlaceholder({ contentHash, filmId }: Pick<FetchedPicture, 'contentHash' | 'filmId'>): Promise<boolean> {
      if ((await pictures.countSame(contentHash, filmId)) + 1 < filmsOfPlaceholder) return false
      for (const each of await pictures.dropSame(contentHash, 'placeholder')) await removeObjects(each)
      return true
    },

    /** Removes what belongs to no film any more. */
    async cleanup(signal?: AbortSignal): Promise<void> {
      await pictures.deleteOldFailures()
      while (!signal?.aborted) {
        const orphaned = await pictures.findOrphaned()
        for (const each of orphaned) {
          await removeObjects(each)
          await pictures.remove(each.film_id, each.content_hash)
        }
        if (orphaned.length === 0) break
      }
      await evict()
    },
  }
}

export function contentTypeOf(name: VariantName): 'image/webp' | 'image/jpeg' {
  return contentTypes[name.endsWith('.jpg') ? 'jpg' : 'webp']
}

function keyOf(filmId: number, contentHash: string, name: VariantName): string {
  return `posters/${filmId % 256}/${filmId}-${contentHash}-${name}`
}
