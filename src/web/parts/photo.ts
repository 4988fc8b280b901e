import { request } from '../api.ts'
import { html, useEffect, useState, type VNode } from '../html.ts'

/** A director's photo, which an <img> can't ask for as it needs the token; else the first letters. */
export function Photo({
  id,
  name,
  turn = 0,
  known,
}: {
  id: number
  name: string
  turn?: number
  known?: boolean
}): VNode {
  const [url, setUrl] = useState<string>()
  useEffect(() => {
    let made: string | undefined
    const controller = new AbortController()
    const load = async () => {
      // Asked first: a photo that is not there would be an error.
      if (
        known === undefined &&
        !(await request<{ photo_url: string | null }>(`/directors/${id}`, { signal: controller.signal })).data.photo_url
      )
        return
      if (known === false) return
      const { data } = await request<unknown>(`/directors/${id}/photo`, {
        // By which the service knows its own page over plain http too: it sends the photo itself, and no redirect.
        headers: { accept: 'image/*', 'x-kinoteka-page': '1' },
        signal: controller.signal,
      })
      if (!(data instanceof Blob) || controller.signal.aborted) return
      made = URL.createObjectURL(data)
      setUrl(made)
    }
    load().catch(() => {
      if (!controller.signal.aborted) setUrl(undefined)
    })
    return () => {
      controller.abort()
      if (!made) return
      URL.revokeObjectURL(made)
      setUrl(undefined)
    }
  }, [id, turn, known])
  return html`<span class="photo">${url ? html`<img src=${url} alt="" width="48" height="48" />` : html`<span aria-hidden="true">${initials(name)}</span>`}</span>`
}

export function initials(name: string): string {
  return name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => [...word][0] ?? '')
    .join('')
}
