import { api, request, useGet, withQuery } from '../api.ts'
import { html, useState, type VNode } from '../html.ts'
import { capital, number, t } from '../i18n.ts'
import { EndlessGrid, type Part } from '../parts/endless.ts'
import { Empty, ErrorNote, Heading } from '../parts/feedback.ts'
import { toCard } from '../parts/film-card.ts'
import { Select, useWork } from '../parts/form.ts'
import { navigate, type Place } from '../router.ts'
import type { FilmPage, Movie } from '../types.ts'

interface Facet {
  name?: string
  decade?: number
  count: number
}

interface Facets {
  genres: Facet[]
  decades: Facet[]
  countries: Facet[]
}

const filters = ['q', 'genre', 'decade', 'country', 'type', 'min_rate', 'director_id'] as const
const sorts = ['-rate', '-year', 'name', 'year', 'rate', '-minutes', 'minutes', 'id'] as const

/** Filters with counts; the address holds all of it, so that back, a reload and a link work. */
export default function Catalogue({ place: { query } }: { place: Place }): VNode {
  const [total, setTotal] = useState<number>()
  const [open, setOpen] = useState(false)
  const { busy, error, run } = useWork()
  const chosen = Object.fromEntries(filters.map((name) => [name, query.getAll(name)]))
  const filter = Object.fromEntries(
    Object.entries(chosen).map(([name, values]) => [name, name === 'genre' ? values : values[0]]),
  )
  const sort = query.get('sort') ?? '-rate'
  const facets = useGet<Facets>(withQuery('/films/facets', filter))
  const list = withQuery('/films', { ...filter, sort, limit: 50 })

  const go = (change: Record<string, string | string[] | undefined>) =>
    navigate(withQuery('/app/catalogue', { ...filter, sort: query.get('sort') ?? undefined, ...change }))
  const load = async (cursor: string, signal: AbortSignal): Promise<Part> => {
    const { data } = await request<FilmPage>(withQuery('/films', { ...filter, sort, limit: 50, cursor }), { signal })
    return { films: data.items.map(toCard), total: data.total, next: data.next_cursor }
  }
  const toggle = (name: string, value: string) => {
    const now = chosen[name] ?? []
    go({
      [name]: now.includes(value) ? now.filter((each) => each !== value) : name === 'genre' ? [...now, value] : value,
    })
  }
  const random = () =>
    run(async () => {
      const film = await api<Movie>('GET', withQuery('/films/random', filter))
      navigate(`/app/film/${film.id}`)
    })
  const active = Object.entries(chosen).flatMap(([name, values]) => values.map((value) => [name, value] as const))
  const facet = (name: string, title: string, items: Facet[] | undefined) =>
    items &&
    items.length > 0 &&
    html`<${FacetGroup} name=${name} title=${title} items=${items} chosen=${chosen[name] ?? []} toggle=${toggle} />`

  return html`
    <${Heading} title=${t('nav.catalogue')}>
      <p class="quiet" role="status">${total === undefined ? ' ' : t('films.count', { count: total })}</p>
    <//>
    <div class="toolbar">
      <button type="button" class="only-narrow" aria-expanded=${open} aria-controls="filters" onClick=${() => setOpen(!open)}>${t('filters')}</button>
      <${Select} label=${t('sort')} value=${sort} options=${sorts.map((name) => [name, t(`sort.${name}`)])}
        onChange=${(event: Event) => go({ sort: (event.target as HTMLSelectElement).value })} />
      <button type="button" onClick=${random} disabled=${busy}>${t('random')}</button>
    </div>
    <${ErrorNote} error=${error} />
    ${
      active.length > 0 &&
      html`<ul class="chips" aria-label=${t('filters.active')}>
        ${active.map(
          ([
            name,
            value,
          ]) => html`<li key=${`${name}-${value}`}><button type="button" class="chip" onClick=${() => toggle(name, value)}>
            <span>${label(name, value)}</span> <span aria-hidden="true">×</span><span class="visually-hidden">${t('filters.remove')}</span></button></li>`,
        )}
        <li><button type="button" class="link" onClick=${() => navigate('/app/catalogue')}>${t('filters.clear')}</button></li>
      </ul>`
    }
    <div class="with-side">
      <aside id="filters" class=${open ? 'filters open' : 'filters'} aria-label=${t('filters')}>
        <${NameFilter} key=${chosen.q?.[0] ?? ''} value=${chosen.q?.[0] ?? ''} onChange=${(q: string) => go({ q })} />
        ${facet('genre', t('genres'), facets.data?.genres)}
        ${facet('decade', t('decades'), facets.data?.decades)}
        ${facet('country', t('countries'), facets.data?.countries)}
        <fieldset><legend>${t('rating.min')}</legend>
          ${['6', '7', '8', '9'].map(
            (value) =>
              html`<label class="choice" key=${value}><input type="checkbox" checked=${chosen.min_rate?.includes(value)} onChange=${() => toggle('min_rate', value)} />${t('rating.from', { value: Number(value) })}</label>`,
          )}
        </fieldset>
      </aside>
      <${EndlessGrid} name=${list} load=${load} onTotal=${setTotal}
        empty=${html`<${Empty} title=${t('catalogue.nothing')}><p>${active.length > 0 ? t('catalogue.nothing.help') : t('catalogue.empty.help')}</p><//>`} />
    </div>
  `
}

function label(name: string, value: string): string {
  if (name === 'decade') return t('decade', { decade: value })
  if (name === 'min_rate') return t('rating.from', { value: Number(value) })
  if (name === 'q') return `“${value}”`
  if (name === 'director_id') return t('director')
  return capital(value)
}

const shortest = 8

function FacetGroup({
  name,
  title,
  items,
  chosen,
  toggle,
}: {
  name: string
  title: string
  items: Facet[]
  chosen: string[]
  toggle(name: string, value: string): void
}): VNode {
  const [all, setAll] = useState(false)
  const keyOf = (facet: Facet) => String(facet.decade ?? facet.name)
  const shown = all ? items : items.filter((facet, i) => i < shortest || chosen.includes(keyOf(facet)))
  return html`<fieldset>
    <legend>${title}</legend>
    ${shown.map(
      (facet) => html`<label class="choice" key=${keyOf(facet)}>
        <input type="checkbox" checked=${chosen.includes(keyOf(facet))} onChange=${() => toggle(name, keyOf(facet))} />
        <span class="grow">${label(name, keyOf(facet))}</span><span class="quiet">${number(facet.count)}</span>
      </label>`,
    )}
    ${items.length > shortest && html`<button type="button" class="link" aria-expanded=${all} onClick=${() => setAll(!all)}>${all ? t('less') : t('more.count', { count: items.length - shortest })}</button>`}
  </fieldset>`
}

function NameFilter({ value, onChange }: { value: string; onChange(value: string): void }): VNode {
  return html`<form class="name-filter" onSubmit=${(event: SubmitEvent) => {
    event.preventDefault()
    onChange(String(new FormData(event.currentTarget as HTMLFormElement).get('q') ?? ''))
  }}>
    <label><span>${t('filter.name')}</span><input name="q" type="search" maxlength="200" defaultValue=${value} /></label>
  </form>`
}
