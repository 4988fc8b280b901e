import { minOwnId } from '../../db/schema/films.ts'
import { ordinal, page, whole, words } from '../parameters.ts'
import { pathOf } from '../path-forms.ts'
import type { Reader } from '../reader.ts'
import { months } from './names.ts'
import { mebibyte, supplement } from './supplement.ts'

const day = 86_400
const forADay = () => day
const forAWeek = () => 7 * day
const forAMonth = () => 30 * day

const ofFilm = { id: whole(1, minOwnId - 1, 301) }

interface Opaque {
  items: unknown[]
}

/** A list in an object, under one of these names; what is in its rows is not read. */
function opaqueList(...names: string[]): Reader<Opaque> {
  return (value) => {
    if (typeof value !== 'object' || value === null) return undefined
    const members = value as Record<string, unknown>
    const lists = names.map((name) => members[name]).filter(Array.isArray)
    return lists.length > 0 ? { items: lists.flat() } : undefined
  }
}

const asItIs = (value: Opaque) => value
const list = { read: opaqueList('items'), normalise: asItIs }

/** What is passed on as upstream sends it: of its response no more is read than whether it is one. */
export const opaque = {
  distributions: supplement({
    endpoint: 'distributions',
    summary: 'Where and when a film was released',
    parameters: ofFilm,
    ...list,
    ttlSeconds: forAWeek,
  }),
  box_office: supplement({
    endpoint: 'box_office',
    summary: 'Budget and takings of a film',
    parameters: ofFilm,
    ...list,
    ttlSeconds: forAWeek,
  }),
  awards: supplement({
    endpoint: 'awards',
    summary: 'Awards and nominations of a film',
    parameters: ofFilm,
    ...list,
    ttlSeconds: forAMonth,
    maxBytes: 4 * mebibyte,
  }),
  external_sources: supplement({
    endpoint: 'external_sources',
    summary: 'Where a film can be watched',
    parameters: { ...ofFilm, page: page(1000) },
    ...list,
    ttlSeconds: forADay,
  }),
  filters: supplement({
    endpoint: 'filters',
    summary: 'The ids of genres and countries',
    parameters: {},
    read: opaqueList('genres', 'countries'),
    normalise: asItIs,
    ttlSeconds: forAMonth,
  }),
  releases: supplement({
    endpoint: 'releases',
    summary: 'The digital releases of a month',
    parameters: { year: whole(1000, 3000, 2024), month: ordinal(months), page: page(1000) },
    path: ({ year, month, page }) => pathOf('releases', { year, month: months[month - 1] ?? '', page }),
    read: opaqueList('releases', 'items'),
    normalise: asItIs,
    ttlSeconds: (_, { year, month }) => (Date.UTC(year, month) < Date.now() ? 30 * day : day),
  }),
  persons: supplement({
    endpoint: 'persons',
    summary: 'Search people by name',
    parameters: { name: words('Нолан'), page: page(2) },
    ...list,
    ttlSeconds: forAWeek,
  }),
  media_posts: supplement({
    endpoint: 'media_posts',
    summary: 'News of Kinopoisk',
    parameters: { page: page(50) },
    ...list,
    ttlSeconds: () => 3600,
  }),
}
