interface Row {
  id: number
}

/** The rows of `ids` by a read that may lag, and those that it does not find by the other: a listing may be ahead of it. */
export async function findAllOf<T extends Row>(
  ids: number[],
  lagging: (ids: number[]) => Promise<T[]>,
  current: (ids: number[]) => Promise<T[]>,
): Promise<T[]> {
  const rows = await lagging(ids)
  if (lagging === current || rows.length === ids.length) return rows
  const found = new Set(rows.map((row) => row.id))
  const missing = ids.filter((id) => !found.has(id))
  return missing.length === 0 ? rows : rows.concat(await current(missing))
}
