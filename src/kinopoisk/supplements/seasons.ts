import type { OnOdd } from '../reader.ts'
import { listReader } from './lists.ts'
import { Season } from './schemas.ts'

type Episode = NonNullable<Season['episodes']>[number] & { episodeNumber: number }

export interface MergedSeason {
  number: number
  episodes: Episode[]
}

const readRows = listReader(Season, (row) => row)

/** Of one season several rows may come, with other episodes each: it is read once, with all of them. */
export function readSeasons(value: unknown, onOdd: OnOdd = () => {}) {
  const list = readRows(value, onOdd)
  if (!list) return undefined
  const rows = [...Map.groupBy(list.rows, ({ number }) => number)].map(([number, same]): MergedSeason => {
    const episodes = same.flatMap((season) => season.episodes ?? [])
    return { number, episodes: episodes.flatMap((episode) => withNumber(episode, onOdd)) }
  })
  return { ...list, rows }
}

/** Of `1-2`, two episodes in one, the first number. */
function withNumber(episode: NonNullable<Season['episodes']>[number], onOdd: OnOdd): Episode[] {
  const [first] = /^\s*\d{1,9}(?=\s*(?:[-–—]\s*\d+\s*)?$)/.exec(String(episode.episodeNumber)) ?? []
  if (first === undefined) onOdd('id')
  return first === undefined ? [] : [{ ...episode, episodeNumber: Number(first) }]
}
