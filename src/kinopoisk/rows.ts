import type { OnOdd, Reader } from './reader.ts'

/** A list as upstream sent it, each row once. */
export interface Rows<T> {
  rows: T[]
  /** What upstream says is the number of all rows, on all pages; undefined where it says nothing. */
  total: number | undefined
  /** Of this page: how many were sent, and how many of them have no usable id. */
  sent: number
  unusable: number
}

interface Options<T> {
  /** The names of the list; absent: the response itself is the list. */
  names?: string[]
  /** What makes two rows one. */
  keyOf(row: T): unknown
  /** True where a list of which no row has a usable id is still a response. */
  mayBeUnusable?: boolean
}

/** Of upstream's lists; a shorter one is the last. */
export const pageSize = 20

const listNames = ['films', 'items', 'releases']
const totals = ['searchFilmsCountResult', 'total']

/**
 * Reads lists, under whatever name they come. Nothing is believed that was not said: without a list only a total of 0
 * says that nothing was found, and a list of which no row can be read does not.
 */
export function rowsOf<T>(read: Reader<T>, { names, keyOf, mayBeUnusable = false }: Options<T>): Reader<Rows<T>> {
  return (value, onOdd = () => {}) => {
    const object = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
    const list = names ? names.map((name) => object[name]).find((sent) => sent != null) : value
    const total = readTotal(object, onOdd)
    if (list === undefined && total === 0) return { rows: [], total, sent: 0, unusable: 0 }
    if (!Array.isArray(list)) return undefined
    const found = list.map((sent) => read(sent, onOdd))
    const usable = found.filter((row) => row !== undefined)
    const unusable = found.length - usable.length
    for (let times = 0; times < unusable; times += 1) onOdd('id')
    if (usable.length === 0 && unusable > 0 && !mayBeUnusable) return undefined
    const rows = new Map<unknown, T>()
    for (const row of usable) if (!rows.has(keyOf(row))) rows.set(keyOf(row), row)
    return { rows: [...rows.values()], total, sent: list.length, unusable }
  }
}

/** True for a first page without rows where upstream itself says that the list has some: it is no answer. */
export function isCutShort(sent: unknown, path: string): boolean {
  if (typeof sent !== 'object' || sent === null) return false
  const object = sent as Record<string, unknown>
  const lists = listNames.map((name) => object[name] ?? null).filter((list) => list !== null)
  const isEmpty = lists.length > 0 && lists.every((list) => Array.isArray(list) && list.length === 0)
  return isEmpty && (readTotal(object, () => {}) ?? 0) > 0 && !/[?&]page=(?!1(&|$))/.test(path)
}

function readTotal(object: Record<string, unknown>, onOdd: OnOdd): number | undefined {
  for (const name of totals) {
    const sent = object[name] ?? null
    if ((typeof sent === 'string' || typeof sent === 'number') && /^\s*\d{1,9}\s*$/.test(`${sent}`)) return Number(sent)
    if (sent !== null) onOdd(name)
  }
  return undefined
}
