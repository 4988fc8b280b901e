import { useGet } from '../api.ts'
import { html, type VNode } from '../html.ts'
import { date, t, tName } from '../i18n.ts'
import { ErrorNote, Heading, Loading } from '../parts/feedback.ts'
import { SourceLine } from '../parts/source.ts'
import type { Source } from '../types.ts'

interface Person {
  name: string | null
  original_name: string | null
  birth_date: string | null
  death_date: string | null
  birth_place: string | null
  profession: string | null
  source?: Source
  facts: string[]
  films: { id: number; title: string; rating: number | null; profession: string | null; role?: string | null }[]
}

export default function PersonScreen({ id }: { id: string }): VNode {
  const { data, headers, error, reload } = useGet<Person>(`/people/${id}`)
  const name = data?.name ?? data?.original_name ?? t('person')
  if (!data)
    return html`<${Heading} title=${name} />${error ? html`<${ErrorNote} error=${error} retry=${reload} />` : html`<${Loading} />`}`
  const rows: [string, string | null | undefined | false][] = [
    [t('profession'), data.profession],
    [t('born'), data.birth_date && date(data.birth_date)],
    [t('birthPlace'), data.birth_place],
    [t('died'), data.death_date && date(data.death_date)],
  ]
  return html`
    <${Heading} title=${name}><p class="film-original">${data.name ? data.original_name : ''}</p><//>
    <dl class="facts">${rows.map(([name, value]) => value && html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    ${data.source && html`<${SourceLine} source=${data.source} headers=${headers} />`}
    <h2>${t('films')}</h2>
    <ul class="columns">
      ${data.films.slice(0, 300).map((film, i) => html`<li key=${i}><a href=${`/app/film/${film.id}`}>${film.title}</a> <span class="quiet">${film.role ?? tName('profession', film.profession ?? '')}</span></li>`)}
    </ul>
    ${data.facts.length > 0 && html`<h2>${t('facts')}</h2><ul class="texts">${data.facts.slice(0, 50).map((fact, i) => html`<li key=${i}>${fact}</li>`)}</ul>`}
  `
}
