import type { Reply } from './reply.ts'

export type OddForm = 'odd_ids' | 'odd_members' | 'odd_rows' | 'odd_texts'

type Json = Record<string, unknown>

/** Answers that are right but for their form, as clients of upstream have reported it. */
export const oddForms: Record<OddForm, (reply: Reply) => Reply> = {
  /** Ids and totals as text, the id under its other name. */
  odd_ids: (reply) =>
    withRows(reply, (row) => ({
      ...row,
      filmId: row.kinopoiskId === undefined ? undefined : `${row.kinopoiskId}`,
      kinopoiskId: row.filmId === undefined ? undefined : `${row.filmId}`,
    })),
  /** Members of other types: flags as text and number, genres as names, objects for texts. */
  odd_members: (reply) =>
    withRows(reply, (row) => ({
      ...row,
      ...changed(row, { serial: String, completed: Number, type: () => ({}), imdbId: () => 133_093, genres: names }),
    })),
  /** Beside each list's rows one without an id, one that is null, and one repeated. */
  odd_rows: (reply) => withRows(reply, (row) => row, [{ filmId: null, staffId: null, nameRu: 'x' }, null]),
  /** Entities and zero-width spaces in names, posters that are none. */
  odd_texts: (reply) =>
    withRows(reply, (row) => ({
      ...row,
      ...changed(row, {
        nameRu: (name) => (name ? `\u200b${name} &amp; Ко` : name),
        posterUrl: () => '/no-poster.gif',
      }),
    })),
}

/** Films alone, and those in a list; `more` rows are added to the lists. */
function withRows(reply: Reply, change: (row: Json) => Json, more: unknown[] = []): Reply {
  const list = (rows: Json[]) => [...rows.map(change), ...(more.length > 0 ? [...more, ...rows.slice(0, 1)] : [])]
  const { body } = reply
  if (reply.status !== 200 || typeof body !== 'object' || body === null) return reply
  if (Array.isArray(body)) return { ...reply, body: list(body) }
  const name = ['films', 'items'].find((each) => each in body)
  if (!name) return { ...reply, body: change(body as Json) }
  const totals = changed(body as Json, { searchFilmsCountResult: String, total: String })
  return { ...reply, body: { ...body, ...totals, [name]: list((body as Record<string, Json[]>)[name] ?? []) } }
}

/** The members that `row` has, changed. */
function changed(row: Json, changes: Record<string, (value: unknown) => unknown>): Json {
  const present = Object.entries(changes).filter(([name]) => name in row)
  return Object.fromEntries(present.map(([name, change]) => [name, change(row[name])]))
}

/** `[{genre: 'драма'}]` as `['драма', null]`. */
function names(value: unknown): unknown {
  return [...(value as Json[]).flatMap((each) => Object.values(each)), null]
}
