import { useGet } from '../api.ts'
import { html, useStore, type VNode } from '../html.ts'
import { capital, t } from '../i18n.ts'
import { Empty, ErrorNote, Heading } from '../parts/feedback.ts'
import { FilmGrid, GridSkeleton, toCard } from '../parts/film-card.ts'
import { session } from '../session.ts'
import type { FilmPage, Named } from '../types.ts'

/** A wall of posters: what is new, what is best, and the genres. */
export default function Home(): VNode {
  const { user } = useStore(session)
  const genres = useGet<(Named & { films_count?: number })[]>('/genres?with=counts')
  const chosen = (genres.data ?? []).toSorted((a, b) => (b.films_count ?? 0) - (a.films_count ?? 0)).slice(0, 14)
  return html`
    <${Heading} title=${user?.name ? t('home.hello', { name: user.name }) : t('home.title')} />
    <nav class="chips one-line" aria-label=${t('genres')}>
      ${chosen.map((genre) => html`<a key=${genre.id} class="chip" href=${`/app/catalogue?genre=${encodeURIComponent(genre.name)}`}>${capital(genre.name)}</a>`)}
    </nav>
    <${Row} title=${t('home.best')} path="/films?sort=-rate" more="/app/catalogue?sort=-rate" eager=${6} />
    <${Row} title=${t('home.new')} path="/films?sort=-year" more="/app/catalogue?sort=-year" />
  `
}

function Row({ title, path, more, eager = 0 }: { title: string; path: string; more: string; eager?: number }): VNode {
  const { data, error, reload } = useGet<FilmPage>(path)
  return html`<section class="row">
    <div class="row-head"><h2>${title}</h2><a href=${more}>${t('more')}<span class="visually-hidden">: ${title}</span></a></div>
    ${error && !data ? html`<${ErrorNote} error=${error} retry=${reload} />` : null}
    ${data && data.items.length === 0 ? html`<${Empty} title=${t('catalogue.empty')}><p>${t('catalogue.empty.help')}</p><//>` : null}
    ${data ? html`<${FilmGrid} films=${data.items.slice(0, 18).map(toCard)} eager=${eager} />` : !error && html`<${GridSkeleton} count=${18} />`}
  </section>`
}
