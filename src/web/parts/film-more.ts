import { useGet } from '../api.ts'
import { html, useState, type VNode } from '../html.ts'
import { capital, date, dateTime, t, tName } from '../i18n.ts'
import type { Movie, Source } from '../types.ts'
import { ErrorNote, Loading } from './feedback.ts'
import { FilmGrid } from './film-card.ts'
import { initials } from './photo.ts'
import { SourceLine } from './source.ts'

interface Listing<T> {
  total: number
  source: Source
  items: T[]
}

interface Person {
  id: number
  name: string | null
  original_name: string | null
  role: string | null
  profession: string | null
  profession_name: string | null
}

interface Season {
  number: number
  episodes: { number: number; title: string | null; original_title: string | null; release_date: string | null }[]
}

interface Related {
  id: number
  title: string
  original_title: string | null
  poster?: string | null
  relation: string | null
}

interface Review {
  id: number
  type: string | null
  date: string | null
  author: string | null
  title: string | null
  text: string | null
}

/** What Kinopoisk has beside the details. Each may cost a call, so it is asked for when it is opened. */
export function FilmMore({ movie }: { movie: Movie }): VNode | null {
  if (!movie.kinopoisk_id) return null
  const at = (part: string) => `/movies/${movie.id}/${part}`
  return html`<section class="film-more">
    <h2>${t('film.more')}</h2>
    <p class="quiet">${t('film.more.help')}</p>
    <${Section} title=${t('staff')} path=${at('staff')} draw=${(items: Person[]) => html`<${People} people=${items} />`} />
    <${Section} title=${t('similars')} path=${at('similars')} draw=${(items: Related[]) => html`<${RelatedFilms} films=${items} />`} />
    <${Section} title=${t('sequels')} path=${at('sequels')} draw=${(items: Related[]) => html`<${RelatedFilms} films=${items} />`} />
    ${movie.kinopoisk?.serial && html`<${Section} title=${t('seasons')} path=${at('seasons')} draw=${(items: Season[]) => html`<${Seasons} seasons=${items} />`} />`}
    <${Section} title=${t('pictures')} path=${at('images')} draw=${(items: { url: string }[]) =>
      html`<p class="quiet">${t('pictures.help')}</p><ul class="inline-list">${items.map(({ url }, i) => html`<li key=${url}><${Outside} href=${url} text=${t('picture', { n: i + 1 })} /></li>`)}</ul>`} />
    <${Section} title=${t('videos')} path=${at('videos')} draw=${(items: { url: string; name: string | null }[]) =>
      html`<ul>${items.map(({ url, name }) => html`<li key=${url}><${Outside} href=${url} text=${name ?? url} /></li>`)}</ul>`} />
    <${Section} title=${t('facts')} path=${at('facts')} draw=${(items: { text: string; spoiler: boolean | null }[]) =>
      html`<ul class="texts">${items.map(({ text, spoiler }, i) => html`<li key=${i}>${spoiler ? html`<details><summary>${t('spoiler')}</summary>${text}</details>` : text}</li>`)}</ul>`} />
    <${Section} title=${t('reviews')} path=${at('reviews')} draw=${(items: Review[]) => html`<${Reviews} reviews=${items} />`} />
  </section>`
}

function Section<T>({ title, path, draw }: { title: string; path: string; draw(items: T[]): VNode }): VNode {
  const [open, setOpen] = useState(false)
  return html`<details class="more" onToggle=${(event: Event) => setOpen((event.currentTarget as HTMLDetailsElement).open)}>
    <summary><h3>${title}</h3></summary>
    ${open && html`<${Content} path=${path} draw=${draw} />`}
  </details>`
}

function Content<T>({ path, draw }: { path: string; draw(items: T[]): VNode }): VNode {
  const { data, headers, error, reload } = useGet<Listing<T>>(path)
  if (error && !data) return html`<${ErrorNote} error=${error} retry=${reload} />`
  if (!data) return html`<${Loading} />`
  return html`<div class="more-content">
    ${data.items.length === 0 ? html`<p class="quiet">${t('film.more.nothing')}</p>` : draw(data.items)}
    <${SourceLine} source=${data.source} headers=${headers} />
  </div>`
}

function Outside({ href, text }: { href: string; text: string }): VNode {
  if (!/^https?:\/\//i.test(href)) return html`<span>${text}</span>`
  return html`<a href=${href} target="_blank" rel="noopener noreferrer">${text}<span class="visually-hidden"> (${t('newTab')})</span></a>`
}

const shownAtFirst = 24

function People({ people }: { people: Person[] }): VNode {
  const [all, setAll] = useState(false)
  return html`<ul class="people">
      ${(all ? people : people.slice(0, shownAtFirst)).map(
        (person) => html`<li key=${`${person.id}-${person.profession}-${person.role}`}>
          <span class="photo" aria-hidden="true">${initials(person.name ?? person.original_name ?? '?')}</span>
          <span><a href=${`/app/person/${person.id}`}>${person.name ?? person.original_name ?? person.id}</a>
          <span class="quiet">${person.role ?? tName('profession', person.profession ?? '')}</span></span>
        </li>`,
      )}
    </ul>
    ${people.length > shownAtFirst && html`<button type="button" class="link" aria-expanded=${all} onClick=${() => setAll(!all)}>${all ? t('less') : t('more.count', { count: people.length - shownAtFirst })}</button>`}`
}

function RelatedFilms({ films }: { films: Related[] }): VNode {
  return html`<${FilmGrid} films=${films.slice(0, 60).map((film) => ({
    id: film.id,
    title: film.title,
    original: film.original_title,
    year: null,
    rating: null,
    genres: film.relation && film.relation !== 'SIMILAR' ? [tName('relation', film.relation)] : [],
    poster: film.poster ?? null,
  }))} />`
}

function Seasons({ seasons }: { seasons: Season[] }): VNode {
  return html`${seasons.map(
    (
      season,
    ) => html`<details key=${season.number} class="season"><summary>${t('season', { n: season.number })} <span class="quiet">${t('episodes', { count: season.episodes.length })}</span></summary>
      <ol>${season.episodes.map((episode) => html`<li key=${episode.number} value=${episode.number}>${episode.title ?? episode.original_title ?? '—'} ${episode.release_date && html`<span class="quiet">${date(episode.release_date)}</span>`}</li>`)}</ol>
    </details>`,
  )}`
}

function Reviews({ reviews }: { reviews: Review[] }): VNode {
  return html`${reviews.map(
    (review) => html`<article key=${review.id} class="review">
      <h4>${review.title ?? capital(tName('review', review.type ?? ''))}</h4>
      <p class="quiet">${[review.author, review.date && dateTime(review.date)].filter(Boolean).join(' · ')}</p>
      <p class="description">${review.text}</p>
    </article>`,
  )}`
}
