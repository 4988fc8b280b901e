import { api, invalidate, request, upload, useGet, withQuery } from '../../api.ts'
import { html, useState, type VNode } from '../../html.ts'
import { date, t } from '../../i18n.ts'
import { announce, ErrorNote, Loading } from '../../parts/feedback.ts'
import { Field, Form, useWork } from '../../parts/form.ts'
import { Photo } from '../../parts/photo.ts'
import type { Named } from '../../types.ts'

interface Director extends Named {
  date_of_birth: string | null
  photo_url: string | null
}

export function Directors(): VNode {
  const [page, setPage] = useState(1)
  const [q, setQ] = useState('')
  const { data, error, reload } = useGet<Director[]>(withQuery('/directors', { q, page }))
  const [edited, setEdited] = useState<number>()
  const [turn, setTurn] = useState(0)
  const work = useWork()
  const done = () => {
    setEdited(undefined)
    setTurn((n) => n + 1)
    announce(t('saved'))
    invalidate()
    reload()
  }
  const save = async ({ name, date_of_birth }: Record<string, string>, director?: Director) => {
    const body = { name, date_of_birth: date_of_birth || null }
    if (director) await api('PATCH', `/directors/${director.id}`, body)
    // The key makes a second director of a repeat impossible.
    else
      await request('/directors', {
        method: 'POST',
        body,
        headers: { 'idempotency-key': crypto.getRandomValues(new Uint32Array(4)).join('-') },
      })
    done()
  }
  const setPhoto = (director: Director, file: File | undefined) =>
    file &&
    work.run(async () => {
      const form = new FormData()
      form.append('photo', file, file.name)
      await upload('PUT', `/directors/${director.id}/photo`, form, () => undefined)
      done()
    })
  const fields = (director?: Director) => (fault: unknown) =>
    html`<div class="form-grid">
    <${Field} label=${t('name')} name="name" value=${director?.name ?? ''} required maxlength="200" error=${fault} />
    <${Field} label=${t('birthDate')} name="date_of_birth" type="date" value=${director?.date_of_birth ?? ''} error=${fault} />
  </div>`
  return html`
    <section class="panel"><h2>${t('directors.add')}</h2>
      <${Form} submit=${t('add')} onSubmit=${async (values: Record<string, string>, form: HTMLFormElement) => {
        await save(values)
        form.reset()
      }}>${fields()}<//>
    </section>
    <section class="panel"><h2>${t('directors')}</h2>
      <form class="name-filter" onSubmit=${(event: SubmitEvent) => {
        event.preventDefault()
        setQ(String(new FormData(event.currentTarget as HTMLFormElement).get('q') ?? ''))
        setPage(1)
      }}><label><span>${t('directors.find')}</span><input name="q" type="search" maxlength="200" /></label></form>
      <${ErrorNote} error=${work.error ?? error} retry=${reload} />
      ${!data && !error && html`<${Loading} />`}
      <ul class="people">${data?.map(
        (director) => html`<li key=${director.id}>
          <${Photo} id=${director.id} name=${director.name} turn=${turn} known=${director.photo_url !== null} />
          <div class="grow">
            <strong>${director.name}</strong>${director.date_of_birth && html`<span class="quiet">${date(director.date_of_birth)}</span>`}
            <div class="actions">
              <button class="link" onClick=${() => setEdited(edited === director.id ? undefined : director.id)}>${edited === director.id ? t('cancel') : t('edit')}<span class="visually-hidden"> ${director.name}</span></button>
              <button class="link" disabled=${work.busy} onClick=${() =>
                work.run(async () => {
                  await api('DELETE', `/directors/${director.id}`)
                  done()
                })}>${t('remove')}<span class="visually-hidden"> ${director.name}</span></button>
            </div>
            ${
              edited === director.id &&
              html`<${Form} submit=${t('save')} onSubmit=${(values: Record<string, string>) => save(values, director)}>${fields(director)}<//>
              <label class="field"><span>${t('photo')}</span><input type="file" accept="image/jpeg,image/png,image/webp" onChange=${(event: Event) => setPhoto(director, (event.target as HTMLInputElement).files?.[0])} /></label>
              ${
                director.photo_url &&
                html`<button class="link" onClick=${() =>
                  work.run(async () => {
                    await api('DELETE', `/directors/${director.id}/photo`)
                    done()
                  })}>${t('photo.remove')}</button>`
              }`
            }
          </div></li>`,
      )}</ul>
      <p class="pager">${page > 1 ? html`<button onClick=${() => setPage(page - 1)}>${t('previous')}</button>` : null}${data?.length === 12 ? html`<button onClick=${() => setPage(page + 1)}>${t('next')}</button>` : null}</p>
    </section>
  `
}
