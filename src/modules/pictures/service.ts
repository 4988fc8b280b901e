import type { Cache } from '../../cache/cache.ts'
import { AppError } from '../../errors.ts'
import type { Variant } from '../../pictures/encode.ts'
import { createSemaphore, type QueueKey } from '../../semaphore.ts'
import type { FilmPicture, PictureRepository } from './repository.ts'
import { contentTypeOf, type PictureStore, type VariantName } from './store.ts'

export type PictureService = ReturnType<typeof createPictureService>

/** Why a picture could not be had: there is none, or it could not be fetched now. */
interface Failure {
  outcome: 'none' | 'failed'
  reason: string
}

interface Dependencies {
  pictures: PictureRepository
  store: PictureStore
  /** Where a film's picture comes from; undefined where none is to be had. */
  sourceOf(url: string | null): string | undefined
  load(film: FilmPicture): Promise<Buffer>
  encode(bytes: Buffer): Promise<Variant[]>
  hashOf(bytes: Buffer): string
  /** What an error of `load` and `encode` says; undefined for any other. */
  failureOf(error: unknown): Failure | undefined
  onRequest(result: 'kept' | 'fetched' | 'none' | 'failed'): void
  warn(fields: object, message: string): unknown
  cache: Cache
}

interface Found {
  source: string
  contentHash: string
  bytes: Buffer
}

interface Picture {
  etag: string
  /** Where it came from. */
  source: string
  bytes: Buffer
  contentType: 'image/webp' | 'image/jpeg'
}

// Of other replicas' pictures it is known a little later.
const rowTtlMs = 5_000
const retries = {
  none: { firstSeconds: 86_400, maxSeconds: 30 * 86_400 },
  failed: { firstSeconds: 60, maxSeconds: 86_400 },
}

/** Posters of films: kept, or fetched once when they are first asked for. */
export function createPictureService(dependencies: Dependencies) {
  const { pictures, store, sourceOf, load, encode, hashOf, failureOf, onRequest, warn, cache } = dependencies
  // A page of posters is requested at once: its last ones wait for some time.
  const fetches = createSemaphore({ name: 'pictures', max: 2, maxQueue: 400, maxWaitMs: 20_000 })
  const encodings = createSemaphore({ name: 'pictures', max: 1, maxQueue: 8, maxWaitMs: 60_000 })
  const underWay = new Map<number, Promise<Variant[]>>()
  const rows = cache.region<number, FilmPicture>({
    name: 'picture',
    sizeOf: ({ title, url }) => 300 + 2 * (title.length + (url?.length ?? 0)),
    invalidatedBy: { film: 'one', text: 'one' },
    ttlMs: rowTtlMs,
  })

  async function findFilm(id: number): Promise<FilmPicture> {
    const film = await rows.find(id, () => pictures.find(id))
    if (!film) throw new AppError('film_not_found', { detail: `There is no film with the id ${id}` })
    return film
  }

  async function readKept(film: FilmPicture, name: VariantName): Promise<Found | undefined> {
    const { id, source, content_hash: contentHash, reason } = film
    if (source === null || source !== sourceOf(film.url) || contentHash === null || reason !== null) return undefined
    const bytes = await store.read(id, contentHash, name)
    if (!bytes) return undefined
    // Not for want of this.
    if (film.is_unused) await pictures.touch(id).then(() => rows.invalidate(id), ignore)
    return { source, contentHash, bytes }
  }

  async function fetch(film: FilmPicture, source: string, caller: QueueKey, isLast: boolean): Promise<Variant[]> {
    const { id: filmId } = film
    let contentHash: string | null = null
    try {
      const variants = await fetches.run(
        caller,
        async () => {
          const bytes = await load(film)
          const hash = hashOf(bytes)
          contentHash = hash
          return encodings.run('pictures', () => encode(bytes))
        },
        { last: isLast },
      )
      return await keep(film, source, contentHash ?? '', variants)
    } catch (error) {
      const failure = failureOf(error)
      // A host that is left alone is remembered as a whole.
      if (!failure || failure.reason === 'paused') throw error
      if (failure.outcome === 'failed') warn({ film_id: filmId, reason: failure.reason }, 'a picture was not fetched')
      await discard(film)
      await pictures.saveFailure({ filmId, source, contentHash }, failure.reason, retries[failure.outcome])
      throw error
    } finally {
      rows.invalidate(filmId)
    }
  }

  async function keep(film: FilmPicture, source: string, contentHash: string, variants: Variant[]) {
    const { id: filmId } = film
    if (await store.isPlaceholder({ filmId, contentHash })) {
      await discard(film)
      await pictures.saveFailure({ filmId, source, contentHash }, 'placeholder', retries.none)
      throw noPicture(filmId)
    }
    if (film.content_hash !== contentHash) await discard(film)
    try {
      await store.keep(filmId, source, contentHash, variants)
    } catch (error) {
      // It is served all the same, but not fetched again and again to be thrown away.
      warn({ film_id: filmId, err: error }, 'a picture was not kept')
      await pictures.saveFailure({ filmId, source, contentHash }, 'storage', retries.failed)
      return variants
    }
    await store.evict().catch((error) => warn({ err: error }, 'pictures beyond PICTURES_MB were not removed'))
    return variants
  }

  const discard = ({ id: film_id, content_hash }: FilmPicture) => store.removeObjects({ film_id, content_hash })

  /** The one fetch of a film at a time. */
  function fetchOnce(film: FilmPicture, source: string, caller: QueueKey, isLast = false): Promise<Variant[]> {
    const running = underWay.get(film.id)
    if (running) return running
    const started = fetch(film, source, caller, isLast).finally(() => underWay.delete(film.id))
    underWay.set(film.id, started)
    return started
  }

  async function fetchVariant(film: FilmPicture, name: VariantName, caller: QueueKey): Promise<Found> {
    const source = sourceOf(film.url)
    if (source === undefined) throw noPicture(film.id)
    if (film.source === source && film.reason !== null && film.retry_in > 0) {
      throw isPassing(film.reason) ? unavailable(film.retry_in) : noPicture(film.id)
    }
    const variants = await fetchOnce(film, source, caller).catch((error) => {
      const failure = failureOf(error)
      if (!failure) throw error
      throw failure.outcome === 'failed' ? unavailable(retries.failed.firstSeconds) : noPicture(film.id)
    })
    const variant = variants.find((each) => each.name === name)
    if (!variant) throw noPicture(film.id)
    return { source, contentHash: hashOf(variant.bytes), bytes: variant.bytes }
  }

  const toPicture = ({ source, bytes }: Found, name: VariantName): Picture => ({
    etag: `"${hashOf(bytes)}"`,
    source,
    bytes,
    contentType: contentTypeOf(name),
  })

  return {
    /** @throws {AppError} film_not_found, picture_not_found, picture_unavailable, overloaded, storage_unavailable */
    async find(id: number, name: VariantName, caller: QueueKey): Promise<Picture> {
      const film = await findFilm(id)
      const kept = await readKept(film, name)
      if (kept) {
        onRequest('kept')
        return toPicture(kept, name)
      }
      try {
        const found = await fetchVariant(film, name, caller)
        onRequest('fetched')
        return toPicture(found, name)
      } catch (error) {
        onRequest(error instanceof AppError && error.code === 'picture_not_found' ? 'none' : 'failed')
        throw error
      }
    },

    /** Fetches the picture of a film that is not kept, when nobody else waits for one. */
    async warm(id: number): Promise<void> {
      const film = await pictures.find(id)
      const source = sourceOf(film?.url ?? null)
      if (!film || source === undefined || (film.source === source && film.retry_in > 0)) return
      await fetchOnce(film, source, 'prefetch', true).catch((error) => {
        if (!failureOf(error) && !(error instanceof AppError)) throw error
      })
    },

    /** What is kept of a film of the catalogue. */
    async findListed(id: number, name: VariantName): Promise<Picture | undefined> {
      const film = await rows.find(id, () => pictures.find(id))
      const kept = film?.listed ? await readKept(film, name) : undefined
      return kept && toPicture(kept, name)
    },
  }
}

function ignore(): void {}

function unavailable(seconds: number): AppError {
  return new AppError('picture_unavailable', {
    detail: 'The picture cannot be fetched from its host now: try again later',
    headers: { 'retry-after': String(Math.max(1, Math.ceil(seconds))) },
  })
}

/** Of a failure that says nothing about whether there is a picture. */
function isPassing(reason: string): boolean {
  return ['connection', 'timeout', 'status', 'storage'].includes(reason)
}

function noPicture(id: number): AppError {
  return new AppError('picture_not_found', { detail: `There is no picture of the film ${id}` })
}
