import { html, useState, type VNode } from '../html.ts'
import { capital, score, t } from '../i18n.ts'
import type { Film, Movie, SearchItem } from '../types.ts'

export interface Card {
  id: number
  title: string
  original: string | null
  year: number | null
  rating: number | null
  genres: string[]
  poster: string | null
  own?: { favorite?: boolean | undefined; wished?: boolean | undefined; rating?: number | null | undefined }
}

/** The same card of a film of /films, a movie and a result of a search. */
export function toCard(film: Film | Movie | SearchItem): Card {
  const isFilm = 'name' in film
  const own = film as Partial<Movie>
  return {
    id: film.id,
    title: isFilm ? film.name : film.title,
    original: isFilm ? film.original_name : film.original_title,
    year: film.year,
    rating: isFilm ? film.rate : film.rating,
    genres: film.genres.map((genre) => (typeof genre === 'string' ? genre : genre.name)),
    poster: film.poster ?? null,
    own: { favorite: own.is_favorite, wished: own.in_wishlist, rating: own.my_rating },
  }
}

/** The picture, in a box that has its size before it comes; title and colour where there is none. */
export function Poster({
  src,
  title,
  id,
  isEager = false,
}: {
  src: string | null
  title: string
  id: number
  isEager?: boolean
}): VNode {
  const [failed, setFailed] = useState<string | null>(null)
  const isShown = src !== null && failed !== src
  return html`<span class=${`poster tone-${id % 8}`}>
    <span class="poster-title" aria-hidden="true">${title}</span>
    ${
      isShown &&
      html`<img src=${src} alt="" width="300" height="450" decoding="async" loading=${isEager ? 'eager' : 'lazy'}
        onError=${() => setFailed(src)} />`
    }
  </span>`
}

function FilmCard({ film, isEager = false }: { film: Card; isEager?: boolean }): VNode {
  const { own = {} } = film
  return html`<li class="card">
    <a href=${`/app/film/${film.id}`}>
      <${Poster} src=${film.poster} title=${film.title} id=${film.id} isEager=${isEager} />
      <span class="card-title">${film.title}</span>
      <span class="card-facts">
        ${film.year ?? ''}${film.year && film.genres[0] ? ' · ' : ''}${capital(film.genres[0] ?? '')}
      </span>
      <span class="card-badges">
        ${own.favorite && html`<span class="badge" title=${t('favourite.in')}><span aria-hidden="true">♥</span><span class="visually-hidden">${t('favourite.in')}</span></span>`}
        ${own.wished && html`<span class="badge" title=${t('wishlist.in')}><span aria-hidden="true">＋</span><span class="visually-hidden">${t('wishlist.in')}</span></span>`}
        ${own.rating && html`<span class="badge own"><span class="visually-hidden">${t('rating.own')} </span>★ ${own.rating}</span>`}
        ${film.rating !== null && html`<span class="badge rating"><span class="visually-hidden">${t('rating')} </span>${score(film.rating)}</span>`}
      </span>
    </a>
  </li>`
}

export function FilmGrid({ films, eager = 0 }: { films: Card[]; eager?: number }): VNode {
  return html`<ul class="grid">${films.map((film, i) => html`<${FilmCard} key=${film.id} film=${film} isEager=${i < eager} />`)}</ul>`
}

/** Boxes of the size of what is to come. */
export function GridSkeleton({ count = 12 }: { count?: number }): VNode {
  return html`<ul class="grid" aria-hidden="true">
    ${Array.from({ length: count }, (_, i) => html`<li class="card" key=${i}><span class="poster blank"></span><span class="card-title blank-text"></span><span class="card-facts blank-text"></span></li>`)}
  </ul>`
}
