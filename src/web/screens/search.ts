import { useGet, withQuery } from '../api.ts'
import { html, type VNode } from '../html.ts'
import { t } from '../i18n.ts'
import { Empty, ErrorNote, Heading } from '../parts/feedback.ts'
import { FilmGrid, GridSkeleton, toCard } from '../parts/film-card.ts'
import { QuotaLine, SourceLine } from '../parts/source.ts'
import type { Place } from '../router.ts'
import type { SearchResult } from '../types.ts'

export default function Search({ place: { query } }: { place: Place }): VNode {
  const text = query.get('query')?.trim() ?? ''
  const page = Math.max(1, Number(query.get('page') ?? 1) || 1)
  const path = text ? withQuery('/movies/search', { query: text, page: page > 1 ? page : undefined }) : null
  const { data, headers, error, reload, loading } = useGet<SearchResult>(path)
  const at = (page: number) => withQuery('/app/search', { query: text, page })
  return html`
    <${Heading} title=${text ? t('search.title', { query: text }) : t('search.label')} />
    <div class="source-lines">
      ${data && html`<${SourceLine} source=${data.source} headers=${headers} />`}
      ${data && html`<${QuotaLine} turn=${path} />`}
    </div>
    <p class="quiet" role="status">${data ? t('films.count', { count: data.total }) : loading ? t('search.asking') : ''}</p>
    ${error ? html`<${ErrorNote} error=${error} retry=${reload} />` : null}
    ${!data && loading && html`<${GridSkeleton} count=${12} />`}
    ${data && html`<${FilmGrid} films=${data.items.map(toCard)} eager=${6} />`}
    ${
      data &&
      data.items.length === 0 &&
      html`<${Empty} title=${t('search.nothing')}><p>${t('search.nothing.help')}</p><p><a href="/app/catalogue">${t('nav.catalogue')}</a></p><//>`
    }
    ${
      data &&
      data.pages > 1 &&
      html`<nav class="pager" aria-label=${t('pages')}>
        ${page > 1 ? html`<a class="button" rel="prev" href=${at(page - 1)}>${t('previous')}</a>` : null}
        <span>${t('page.of', { page, pages: data.pages })}</span>
        ${page < data.pages ? html`<a class="button" rel="next" href=${at(page + 1)}>${t('next')}</a>` : null}
      </nav>`
    }
  `
}
