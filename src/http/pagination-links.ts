interface PagePosition {
  /** Null where the place was found by a cursor. */
  page: number | null
  pages: number
  /** Of listings that have cursors: null at the end. */
  next_cursor?: string | null
}

/** The Link header (RFC 8288) of a listing at `path`: the neighbours of a page, with all of its query. */
export function pageLinks(path: string, query: object, { page, pages, next_cursor }: PagePosition): string {
  const link = (rel: string, position: Record<string, string | number>) =>
    `<${path}?${search({ ...query, page: undefined, cursor: undefined, ...position })}>; rel="${rel}"`
  const links = [link('first', { page: 1 })]
  if (page === null) {
    if (next_cursor) links.push(link('next', { cursor: next_cursor }))
    return links.join(', ')
  }
  const hasNext = next_cursor === undefined ? page < pages : next_cursor !== null
  if (page > 1) links.push(link('prev', { page: Math.max(1, Math.min(page - 1, pages)) }))
  if (hasNext) links.push(link('next', { page: page + 1 }))
  if (pages > 0) links.push(link('last', { page: pages }))
  return links.join(', ')
}

function search(query: object): URLSearchParams {
  const pairs = Object.entries(query).flatMap(([name, value]) => [value].flat().map((one) => [name, one]))
  return new URLSearchParams(
    pairs.filter(([, value]) => value !== undefined).map(([name, value]) => [name, String(value)]),
  )
}
