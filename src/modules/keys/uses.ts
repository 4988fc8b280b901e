import type { KeyRepository } from './repository.ts'

const maxAtOnce = 1_000

/** Which keys were used since it was last written: no request waits for that. */
export function createKeyUses({ keys }: { keys: Pick<KeyRepository, 'noteUse'> }) {
  let used = new Set<number>()
  return {
    note: (keyId: number): void => void used.add(keyId),

    /** What could not be written is written the next time. */
    async write(): Promise<void> {
      const ids = [...used]
      used = new Set()
      for (let i = 0; i < ids.length; i += maxAtOnce) {
        const some = ids.slice(i, i + maxAtOnce)
        await keys.noteUse(some).catch((error) => {
          for (const id of ids.slice(i)) used.add(id)
          throw error
        })
      }
    },
  }
}
