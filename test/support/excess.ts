import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

// Bodies that are too much: too deep, too long, or a film with either.
export const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
export const array = (items: number) => `[${Array(items).fill('1').join()}]`
export const filmWith = (genres: string) =>
  `{"name":"Film","director_id":1,"rate":1,"year":2000,"minutes":90,"genres":${genres}}`

/** Bytes in use once the garbage is gone. */
export function usedMemory(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
