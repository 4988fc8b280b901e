export const PAGE_SIZE = 20

export function cutPage<T>(all: readonly T[], page: number): T[] {
  return all.slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE)
}

export function readInteger(text: string, max: number): number | undefined {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : 0
  return value >= 1 && value <= max ? value : undefined
}
