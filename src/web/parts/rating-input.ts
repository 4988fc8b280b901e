import { html, useId, useRef, type VNode } from '../html.ts'
import { t } from '../i18n.ts'

/** The own score, 1 to 10: a radio group, so that arrows and digits choose. */
export function RatingInput({
  value,
  onChange,
}: {
  value: number | null
  onChange(value: number | null): void
}): VNode {
  const id = useId()
  const root = useRef<HTMLFieldSetElement>(null)
  const focus = (n: number) => root.current?.querySelectorAll<HTMLInputElement>('input')[n - 1]?.focus()
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const digit = /^\d$/.test(event.key) ? Number(event.key) || 10 : undefined
    if (digit !== undefined) {
      event.preventDefault()
      focus(digit)
      onChange(digit)
    } else if ((event.key === 'Delete' || event.key === 'Backspace') && value !== null) {
      event.preventDefault()
      onChange(null)
    }
  }
  return html`<fieldset class="score" ref=${root} onKeyDown=${onKeyDown}>
    <legend>${t('rating.own')}${value !== null ? html`: <strong>${value}</strong>` : ''}</legend>
    <div class="score-row">
      ${Array.from({ length: 10 }, (_, i) => i + 1).map(
        (n) => html`<label key=${n} class=${value !== null && n <= value ? 'on' : ''}>
          <input type="radio" name=${id} value=${n} checked=${n === value} onChange=${() => onChange(n)} />
          <span>${n}</span>
        </label>`,
      )}
    </div>
    ${value !== null && html`<button type="button" class="link" onClick=${() => onChange(null)}>${t('rating.remove')}</button>`}
  </fieldset>`
}
