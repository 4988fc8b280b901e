import { request, withQuery } from '../api.ts'
import { html, useEffect, useId, useRef, useState, type VNode } from '../html.ts'
import { t } from '../i18n.ts'
import { navigate, place } from '../router.ts'
import type { Suggestion } from '../types.ts'

/** A film by what was pasted: an address at Kinopoisk or IMDb, `kp301`, an IMDb id. */
function isReference(text: string): boolean {
  return /^(kp\d+|tt\d{5,})$/i.test(text) || /^(https?:\/\/)?([\w-]+\.)*(kinopoisk\.ru|imdb\.com)\//i.test(text)
}

/** Films by the beginning of their words, from two letters on. */
function useSuggestions(text: string): Suggestion[] {
  const [found, setFound] = useState<Suggestion[]>([])
  useEffect(() => {
    const q = text.trim()
    if ([...q].length < 2 || isReference(q)) return setFound([])
    const controller = new AbortController()
    const timer = setTimeout(async () => {
      try {
        const { data } = await request<{ items: Suggestion[] }>(withQuery('/suggest', { q }), {
          signal: controller.signal,
        })
        setFound(data.items.slice(0, 8))
      } catch {
        // Only a help: Enter searches all the same.
        if (!controller.signal.aborted) setFound([])
      }
    }, 150)
    return () => {
      clearTimeout(timer)
      controller.abort()
    }
  }, [text])
  return found
}

/** A combobox (WAI-ARIA APG): arrows choose a film, Enter opens it or searches. `/` leads here from anywhere. */
export function SearchBox(): VNode {
  const [text, setText] = useState('')
  const [open, setOpen] = useState(false)
  const [active, setActive] = useState(-1)
  const input = useRef<HTMLInputElement>(null)
  const list = useId()
  const films = useSuggestions(text)
  const shown = open && films.length > 0

  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || isEditing(event.target)) return
      event.preventDefault()
      input.current?.focus()
      input.current?.select()
    }
    addEventListener('keydown', listen)
    return () => removeEventListener('keydown', listen)
  }, [])
  useEffect(() => place.subscribe(() => setOpen(false)), [])

  const go = (film: Suggestion | undefined) => {
    const query = text.trim()
    setOpen(false)
    setActive(-1)
    if (film) {
      setText('')
      navigate(`/app/film/${film.id}`)
    } else if (isReference(query)) {
      setText('')
      navigate(`/app/film/${encodeURIComponent(query)}`)
    } else if (query) navigate(withQuery('/app/search', { query }))
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      setOpen(true)
      const step = event.key === 'ArrowDown' ? 1 : -1
      if (films.length > 0) setActive(((active + step + 1 + films.length + 1) % (films.length + 1)) - 1)
    } else if (event.key === 'Escape') {
      setOpen(false)
      setActive(-1)
    }
  }
  return html`
    <form class="search" role="search" onSubmit=${(event: Event) => {
      event.preventDefault()
      go(shown ? films[active] : undefined)
    }}>
      <input ref=${input} type="search" name="query" autocomplete="off" enterkeyhint="search" maxlength="200"
        placeholder=${t('search.placeholder')} aria-label=${t('search.label')} aria-keyshortcuts="/"
        role="combobox" aria-expanded=${shown} aria-controls=${list} aria-autocomplete="list"
        aria-activedescendant=${shown && active >= 0 ? `${list}-${active}` : null}
        value=${text} onKeyDown=${onKeyDown} onFocus=${() => setOpen(true)}
        onBlur=${() => setTimeout(() => setOpen(false), 150)}
        onInput=${(event: InputEvent) => {
          setText((event.target as HTMLInputElement).value)
          setOpen(true)
          setActive(-1)
        }} />
      <kbd aria-hidden="true">/</kbd>
      <ul id=${list} class="suggestions" role="listbox" aria-label=${t('search.suggestions')} hidden=${!shown}>
        ${films.map(
          (film, i) => html`<li key=${film.id} id=${`${list}-${i}`} role="option" aria-selected=${i === active}
            onMouseDown=${(event: Event) => event.preventDefault()} onClick=${() => go(film)}>
            <span>${film.title}</span><span class="quiet">${[film.original_title, film.year].filter(Boolean).join(' · ')}</span>
          </li>`,
        )}
      </ul>
      <span class="visually-hidden" role="status">${shown ? t('search.found', { count: films.length }) : ''}</span>
    </form>
  `
}

function isEditing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
}
