import { type ComponentChildren, createStore, html, useEffect, useStore, type VNode } from '../html.ts'
import { isAbort } from '../http.ts'
import { errorText, t } from '../i18n.ts'

const announced = createStore('')

/** Said by screen readers; shown for a moment too. */
export function announce(text: string): void {
  announced.set('')
  setTimeout(() => announced.set(text), 50)
}

export function LiveRegion(): VNode {
  const text = useStore(announced)
  useEffect(() => {
    if (!text) return
    const timer = setTimeout(() => announced.set(''), 5000)
    return () => clearTimeout(timer)
  }, [text])
  return html`<div class=${text ? 'toast' : 'toast hidden'} role="status" aria-live="polite">${text}</div>`
}

export function Notice({
  kind = 'info',
  children,
}: {
  kind?: 'info' | 'warning' | 'error'
  children: ComponentChildren
}): VNode {
  return html`<div class=${`notice ${kind}`} role=${kind === 'error' ? 'alert' : 'note'}>${children}</div>`
}

/** What went wrong, and what to do. */
export function ErrorNote({ error, retry }: { error: unknown; retry?: (() => void) | undefined }): VNode | null {
  if (!error || isAbort(error)) return null
  return html`<div class="notice error" role="alert">
    <span>${errorText(error)}</span>
    ${retry && html`<button type="button" onClick=${retry}>${t('again')}</button>`}
  </div>`
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }): VNode {
  return html`<div class="empty"><p class="empty-title">${title}</p>${children}</div>`
}

export function Loading(): VNode {
  return html`<p class="loading" role="status">${t('loading')}</p>`
}

/** The heading of a screen, which is the title of the document too. */
export function Heading({ title, children }: { title: string; children?: ComponentChildren }): VNode {
  useEffect(() => {
    document.title = `${title} · Kinoteka`
  }, [title])
  return html`<div class="heading"><h1 tabindex="-1">${title}</h1>${children}</div>`
}
