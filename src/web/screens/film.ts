import { api, invalidate, useGet } from '../api.ts'
import { html, useEffect, useRef, useStore, type VNode } from '../html.ts'
import { ago, capital, length, number, score, t, tName } from '../i18n.ts'
import { invalidateLists } from '../parts/endless.ts'
import { announce, ErrorNote, Heading, Loading, Notice } from '../parts/feedback.ts'
import { Poster } from '../parts/film-card.ts'
import { FilmMore } from '../parts/film-more.ts'
import { useWork } from '../parts/form.ts'
import { Photo } from '../parts/photo.ts'
import { RatingInput } from '../parts/rating-input.ts'
import { navigate, type Place } from '../router.ts'
import { session } from '../session.ts'
import type { Movie } from '../types.ts'

export default function FilmScreen({ id }: { id: string; place: Place }): VNode {
  const path = `/movies/${id}`
  const { data, headers, error, reload, replace, loading } = useGet<Movie>(path)
  const { user } = useStore(session)
  // A pasted address becomes the film's own.
  useEffect(() => {
    if (data && String(data.id) !== id) navigate(`/app/film/${data.id}`, { replace: true })
  }, [data, id])
  if (!data) {
    return html`<${Heading} title=${error ? t('film.none') : t('film')} />
      ${error ? html`<${ErrorNote} error=${error} retry=${reload} /><p><a href="/app/catalogue">${t('nav.catalogue')}</a></p>` : loading && html`<${Loading} />`}`
  }
  return html`<article class="film">
    <div class="film-poster"><${Poster} src=${data.poster ?? null} title=${data.title} id=${data.id} isEager /></div>
    <div class="film-main">
      <${Heading} title=${data.title}>
        <p class="film-original">${[data.original_title, years(data)].filter(Boolean).join(' · ')}</p>
      <//>
      <${Staleness} movie=${data} headers=${headers} />
      <${Scores} movie=${data} />
      ${user ? html`<${Own} movie=${data} onChange=${replace} />` : html`<p><a href="/app/login">${t('film.loginToKeep')}</a></p>`}
      ${data.kinopoisk?.slogan && html`<p class="slogan">${data.kinopoisk.slogan}</p>`}
      <p class="description">${data.description || t('film.noDescription')}</p>
      <${Facts} movie=${data} />
    </div>
    ${user && html`<${FilmMore} movie=${data} />`}
  </article>`
}

function years({ year, kinopoisk }: Movie): string {
  const { start_year: from, end_year: to } = kinopoisk ?? {}
  if (kinopoisk?.serial && from) return to === from ? String(from) : `${from}–${to ?? '…'}`
  return year === null ? '' : String(year)
}

/** Said plainly: that only a part is known, or that it may be out of date. */
function Staleness({ movie: { kinopoisk }, headers }: { movie: Movie; headers: Headers | undefined }): VNode | null {
  if (!kinopoisk) return html`<p class="source quiet">${t('film.ours')}</p>`
  const time = ago(Math.max(0, (Date.now() - Date.parse(kinopoisk.synced_at)) / 1000))
  if (!kinopoisk.complete) return html`<${Notice} kind="warning">${t('film.partial')}<//>`
  const isStale = /fwd=stale|; *ttl=-/.test(headers?.get('cache-status') ?? '')
  return html`<p class=${isStale ? 'source warning' : 'source quiet'}>${t(isStale ? 'source.cache' : 'source.kinopoisk', { time })}</p>`
}

function Scores({ movie }: { movie: Movie }): VNode {
  const { kinopoisk } = movie
  const all: [name: string, value: number | null | undefined, votes: number | null | undefined][] = [
    [t('rating.kinopoisk'), kinopoisk ? kinopoisk.rating_kinopoisk : null, kinopoisk?.rating_kinopoisk_votes],
    ['IMDb', kinopoisk?.rating_imdb, kinopoisk?.rating_imdb_votes],
    [t('rating.catalogue'), kinopoisk ? null : movie.rating, null],
    [t('rating.here'), movie.user_rate, movie.user_votes],
  ]
  return html`<dl class="scores">
    ${all.map(
      ([name, value, votes]) =>
        typeof value === 'number' &&
        html`<div key=${name}><dt>${name}</dt><dd><strong>${score(value)}</strong>${votes ? html` <span class="quiet">${t('votes', { count: votes })}</span>` : ''}</dd></div>`,
    )}
  </dl>`
}

/** What the film is to the user; shown at once, and put back if the service refuses. */
function Own({ movie, onChange }: { movie: Movie; onChange(movie: Movie): void }): VNode {
  const { busy, error, run, setError } = useWork()
  const shown = useRef(movie)
  shown.current = movie
  const show = (change: Partial<Movie>) => {
    shown.current = { ...shown.current, ...change }
    onChange(shown.current)
  }
  const settle = (change: Partial<Movie> = {}) => {
    invalidateLists()
    invalidate()
    show(change)
  }
  const list = (member: 'is_favorite' | 'in_wishlist', path: string, add: string, added: string) => {
    const isIn = movie[member] === true
    const toggle = () => {
      show({ [member]: !isIn })
      void run(async () => {
        try {
          await api(isIn ? 'DELETE' : 'POST', `/${path}/movies/${movie.id}`)
          settle()
          announce(isIn ? t('list.removed') : added)
        } catch (error) {
          settle({ [member]: isIn })
          throw error
        }
      })
    }
    return html`<button type="button" class="toggle" aria-pressed=${isIn} disabled=${busy} onClick=${toggle}>${isIn ? added : add}</button>`
  }

  const scores = useRef({ waiting: 0, last: Promise.resolve(), saved: movie.my_rating ?? null })
  /** Sent one after the other; of those that wait only the last. */
  const rate = (value: number | null) => {
    const { current: queue } = scores
    if (queue.waiting++ === 0) queue.saved = shown.current.my_rating ?? null
    const isLast = () => queue.waiting === 1
    show({ my_rating: value })
    setError(undefined)
    queue.last = queue.last.then(async () => {
      try {
        if (!isLast()) return
        await saveScore(movie.id, value)
        queue.saved = value
        if (!isLast()) return
        settle()
        announce(value === null ? t('rating.removed') : t('rating.saved', { value }))
      } catch (error) {
        if (!isLast()) return
        settle({ my_rating: queue.saved })
        setError(error)
      } finally {
        queue.waiting--
      }
    })
  }
  return html`<div class="own-state">
    <div class="actions">
      ${list('is_favorite', 'favorites', t('favourite.add'), t('favourite.in'))}
      ${list('in_wishlist', 'wishlist', t('wishlist.add'), t('wishlist.in'))}
    </div>
    <${RatingInput} value=${movie.my_rating ?? null} onChange=${rate} />
    <${ErrorNote} error=${error} />
  </div>`
}

function saveScore(id: number, value: number | null): Promise<unknown> {
  return value === null ? api('DELETE', `/films/${id}/rating`) : api('PUT', `/films/${id}/rating`, { value })
}

function Facts({ movie }: { movie: Movie }): VNode {
  const { kinopoisk, director } = movie
  const rows: [string, unknown][] = [
    [
      t('genres'),
      movie.genres.length > 0 &&
        html`${movie.genres.map((genre, i) => html`${i > 0 ? ', ' : ''}<a href=${`/app/catalogue?genre=${encodeURIComponent(genre.name)}`}>${capital(genre.name)}</a>`)}`,
    ],
    [
      t('director'),
      director &&
        html`<span class="with-photo"><${Photo} id=${director.id} name=${director.name} /><a href=${`/app/catalogue?director_id=${director.id}`}>${director.name}</a></span>`,
    ],
    [t('countries'), kinopoisk?.countries.join(', ')],
    [t('type'), kinopoisk?.type && tName('type', kinopoisk.type)],
    [t('minutes'), movie.minutes && length(movie.minutes)],
    [t('age'), typeof kinopoisk?.age_limit === 'number' && `${kinopoisk.age_limit}+`],
    [t('favourites.count'), movie.favorites_count > 0 && number(movie.favorites_count)],
    [t('links'), html`<${Links} movie=${movie} />`],
  ]
  return html`<dl class="facts">${rows.map(([name, value]) => value && html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
}

function Links({ movie: { trailer, kinopoisk } }: { movie: Movie }): VNode {
  const outside = (href: string | null | undefined, text: string) =>
    href &&
    /^https?:\/\//i.test(href) &&
    html`<a href=${href} target="_blank" rel="noopener noreferrer">${text}<span class="visually-hidden"> (${t('newTab')})</span></a> `
  return html`<span class="links">
    ${outside(trailer, t('trailer'))}
    ${outside(kinopoisk?.web_url, 'Kinopoisk')}
    ${outside(kinopoisk?.imdb_id && `https://www.imdb.com/title/${encodeURIComponent(kinopoisk.imdb_id)}/`, 'IMDb')}
  </span>`
}
