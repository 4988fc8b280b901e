import { type ComponentChildren, html, useId, useState, type VNode } from '../html.ts'
import type { ApiError } from '../http.ts'
import { ErrorNote } from './feedback.ts'

interface FieldProps {
  label: string
  name: string
  type?: string
  /** At first: what is typed over it stays when the form is drawn again. */
  value?: unknown
  help?: string
  error?: unknown
  [attribute: string]: unknown
}

/** A labelled input; a fault that the service finds in it stands beside it. */
export function Field({ label, name, type = 'text', value, help, error, ...rest }: FieldProps): VNode {
  const id = useId()
  const fault = (error as Partial<ApiError> | undefined)?.faults?.find(({ path }) => path.split('.').includes(name))
  const describedBy = [help && `${id}-help`, fault && `${id}-fault`].filter(Boolean).join(' ') || null
  const input = {
    ...{ id, name, defaultValue: value, 'aria-invalid': fault ? 'true' : null, 'aria-describedby': describedBy },
    ...rest,
  }
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${type === 'textarea' ? html`<textarea rows="5" ...${input}></textarea>` : html`<input type=${type} ...${input} />`}
    ${help && html`<small id=${`${id}-help`}>${help}</small>`}
    ${fault && html`<small id=${`${id}-fault`} class="fault">${fault.message}</small>`}
  </div>`
}

export function Select({
  label,
  options,
  value,
  ...rest
}: {
  label: string
  options: [string, string][]
  value?: string
  [attribute: string]: unknown
}): VNode {
  const id = useId()
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <select id=${id} ...${rest}>${options.map(([option, text]) => html`<option key=${option} value=${option} selected=${option === value}>${text}</option>`)}</select>
  </div>`
}

/** Work that a button or form starts: once at a time, with its error. */
export function useWork() {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(undefined)
  const run = async (work: () => Promise<unknown>): Promise<boolean> => {
    if (busy) return false
    setBusy(true)
    setError(undefined)
    try {
      await work()
      return true
    } catch (error) {
      setError(error)
      return false
    } finally {
      setBusy(false)
    }
  }
  return { busy, error, run, setError }
}

interface FormProps {
  submit: string
  /** Given the form's fields by name. */
  onSubmit(values: Record<string, string>, form: HTMLFormElement): Promise<unknown>
  children: (error: unknown) => ComponentChildren
  kind?: 'primary' | 'danger'
}

export function Form({ submit, onSubmit, children, kind = 'primary' }: FormProps): VNode {
  const { busy, error, run } = useWork()
  return html`<form class="form" onSubmit=${(event: SubmitEvent) => {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const values = Object.fromEntries(
      [...new FormData(form)].filter(([, value]) => typeof value === 'string'),
    ) as Record<string, string>
    void run(() => onSubmit(values, form))
  }}>
    ${children(error)}
    <${ErrorNote} error=${error} />
    <p class="actions"><button class=${kind} disabled=${busy}>${submit}</button></p>
  </form>`
}

export function Tabs({
  items,
  current,
  label,
}: {
  items: [href: string, text: string][]
  current: string
  label: string
}): VNode {
  return html`<nav class="tabs" aria-label=${label}>
    ${items.map(([href, text]) => html`<a key=${href} href=${href} aria-current=${href === current ? 'page' : null}>${text}</a>`)}
  </nav>`
}
