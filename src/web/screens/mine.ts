import { download, request, useGet, withQuery } from '../api.ts'
import { html, type VNode } from '../html.ts'
import { capital, date, number, score, t } from '../i18n.ts'
import { type Bar, BarChart } from '../parts/chart.ts'
import { EndlessGrid, type Part } from '../parts/endless.ts'
import { Empty, ErrorNote, Heading, Loading } from '../parts/feedback.ts'
import { toCard } from '../parts/film-card.ts'
import { Select, Tabs, useWork } from '../parts/form.ts'
import { ImportPanel } from '../parts/import-panel.ts'
import { navigate, type Place } from '../router.ts'
import type { Movie, Named } from '../types.ts'

type List = 'favorites' | 'wishlist' | 'ratings'
const paths: Record<List, string> = {
  favorites: '/favorites/movies',
  wishlist: '/wishlist/movies',
  ratings: '/ratings',
}
const sorts = ['', 'added', 'title', '-year', 'year', '-rating', '-my_rating'] as const
const limit = 48

export default function Mine({ id, place }: { id: string; place: Place }): VNode {
  const tab = id || 'favorites'
  const items: [string, string][] = [
    ['/app/mine/favorites', t('favourites')],
    ['/app/mine/wishlist', t('wishlist')],
    ['/app/mine/ratings', t('ratings')],
    ['/app/mine/statistics', t('statistics')],
    ['/app/mine/files', t('files')],
  ]
  const name = items.find(([href]) => href.endsWith(`/${tab}`))?.[1] ?? t('nav.mine')
  return html`
    <${Heading} title=${name} />
    <${Tabs} items=${items} current=${`/app/mine/${tab}`} label=${t('nav.mine')} />
    ${tab in paths && html`<${Films} list=${tab} place=${place} />`}
    ${tab === 'statistics' && html`<${Statistics} place=${place} />`}
    ${tab === 'files' && html`<${Files} />`}
  `
}

function Films({ list, place: { path, query } }: { list: List; place: Place }): VNode {
  const genres = useGet<Named[]>('/genres')
  const filter = { sort: query.get('sort'), genre: query.get('genre'), q: query.get('q') }
  const go = (change: Record<string, string | null>) => navigate(withQuery(path, { ...filter, ...change }))
  const load = async (page: string, signal: AbortSignal): Promise<Part> => {
    const at = withQuery(paths[list], { ...filter, limit, page: page || 1 })
    const { data, headers } = await request<(Movie | { value: number; movie: Movie })[]>(at, { signal })
    const films = data.map((item) => toCard('movie' in item ? { ...item.movie, my_rating: item.value } : item))
    const total = Number(headers.get('x-total-count') ?? Number.NaN)
    return {
      films,
      total: Number.isNaN(total) ? undefined : total,
      next: films.length < limit ? null : String(Number(page || 1) + 1),
    }
  }
  return html`
    <div class="toolbar">
      <form class="name-filter" onSubmit=${(event: SubmitEvent) => {
        event.preventDefault()
        go({ q: String(new FormData(event.currentTarget as HTMLFormElement).get('q') ?? '') })
      }}><div class="field"><label for="mine-q">${t('filter.name')}</label><input key=${filter.q ?? ''} id="mine-q" name="q" type="search" maxlength="200" defaultValue=${filter.q ?? ''} /></div></form>
      <${Select} label=${t('genre')} value=${filter.genre ?? ''} options=${[['', t('all')], ...(genres.data ?? []).map(({ name }) => [name, capital(name)])]}
        onChange=${(event: Event) => go({ genre: (event.target as HTMLSelectElement).value })} />
      <${Select} label=${t('sort')} value=${filter.sort ?? ''} options=${sorts.map((sort) => [sort, t(`mine.sort.${sort}`)])}
        onChange=${(event: Event) => go({ sort: (event.target as HTMLSelectElement).value })} />
    </div>
    <${EndlessGrid} name=${withQuery(paths[list], filter)} load=${load}
      empty=${html`<${Empty} title=${t('mine.empty')}><p>${t(`mine.empty.${list}`)}</p><p><a href="/app/catalogue">${t('nav.catalogue')}</a></p><//>`} />
  `
}

interface Stats {
  films: number
  hours: number
  mean: number | null
  genres: { name: string; films: number }[]
  decades: { decade: number; films: number }[]
  directors: { name: string; films: number }[]
  countries: { name: string; films: number }[]
  scores: { value: number; films: number }[]
  months: { month: string; films: number }[]
}

function Statistics({ place: { query } }: { place: Place }): VNode {
  const year = query.get('year')
  const { data, error, reload } = useGet<Stats>(withQuery('/user/stats', { year }))
  const thisYear = new Date().getFullYear()
  const years = Array.from({ length: 10 }, (_, i) => String(thisYear - i))
  const named = (items: { name: string; films: number }[] = []): Bar[] =>
    items.slice(0, 10).map(({ name, films }) => ({ label: capital(name), value: films }))
  const monthName = (month: string) => date(`${month}-01T12:00:00Z`, { month: 'short', year: '2-digit' })
  const charts: [string, Bar[]][] = data
    ? [
        [t('stats.scores'), data.scores.map(({ value, films }) => ({ label: String(value), value: films }))],
        [
          t('stats.months'),
          data.months.slice(-24).map(({ month, films }) => ({ label: monthName(month), value: films })),
        ],
        [t('genres'), named(data.genres)],
        [
          t('decades'),
          data.decades.map(({ decade, films }) => ({ label: t('decade', { decade: String(decade) }), value: films })),
        ],
        [t('directors'), named(data.directors)],
        [t('countries'), named(data.countries)],
      ]
    : []
  return html`
    <div class="toolbar"><${Select} label=${t('year')} value=${year ?? ''} options=${[['', t('all.years')], ...years.map((each) => [each, each])]}
      onChange=${(event: Event) => navigate(withQuery('/app/mine/statistics', { year: (event.target as HTMLSelectElement).value }))} /></div>
    ${error && !data ? html`<${ErrorNote} error=${error} retry=${reload} />` : !data && html`<${Loading} />`}
    ${data && html`<dl class="figures"><div><dt>${t('stats.films')}</dt><dd>${number(data.films)}</dd></div><div><dt>${t('stats.hours')}</dt><dd>${number(data.hours)}</dd></div>${data.mean !== null && html`<div><dt>${t('stats.mean')}</dt><dd>${score(data.mean)}</dd></div>`}</dl>`}
    ${data?.films === 0 && html`<${Empty} title=${t('stats.empty')}><p>${t('stats.empty.help')}</p><//>`}
    ${data && data.films > 0 && html`<div class="panels">${charts.map(([title, bars]) => html`<${BarChart} key=${title} title=${title} bars=${bars} unit=${t('films')} />`)}</div>`}
  `
}

function Files(): VNode {
  const { busy, error, run } = useWork()
  const save = (format: string, name: string) =>
    run(() => download(withQuery('/user/lists.csv', format === 'own' ? {} : { format }), name))
  return html`
    <${ImportPanel} path="/user/lists/import" help=${t('import.lists.help')} accept=".csv,.tsv,.txt,.json,.zip,.xls,.html" />
    <section class="panel">
      <h2>${t('export')}</h2>
      <p>${t('export.help')}</p>
      <p class="actions">
        <button disabled=${busy} onClick=${() => save('own', 'kinoteka.csv')}>${t('export.own')}</button>
        <button disabled=${busy} onClick=${() => save('letterboxd', 'letterboxd.csv')}>Letterboxd</button>
        <button disabled=${busy} onClick=${() => save('imdb', 'imdb.csv')}>IMDb</button>
      </p>
      <${ErrorNote} error=${error} />
    </section>
  `
}
