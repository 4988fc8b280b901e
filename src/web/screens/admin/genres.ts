import { api, invalidate, useGet } from '../../api.ts'
import { html, useState, type VNode } from '../../html.ts'
import { t } from '../../i18n.ts'
import { announce, ErrorNote, Loading } from '../../parts/feedback.ts'
import { Field, Form, useWork } from '../../parts/form.ts'
import type { Named } from '../../types.ts'

export function Genres(): VNode {
  const { data, error, reload } = useGet<Named[]>('/genres')
  const [edited, setEdited] = useState<number>()
  const work = useWork()
  const change = async (method: string, path: string, body?: unknown) => {
    await api(method, path, body)
    setEdited(undefined)
    announce(t('saved'))
    invalidate()
    reload()
  }
  return html`
    <section class="panel"><h2>${t('genres.add')}</h2>
      <${Form} submit=${t('add')} onSubmit=${async ({ name }: Record<string, string>, form: HTMLFormElement) => {
        await change('POST', '/genres', { name })
        form.reset()
      }}>${(fault: unknown) => html`<${Field} label=${t('name')} name="name" required maxlength="100" error=${fault} />`}<//>
    </section>
    <section class="panel"><h2>${t('genres')}</h2>
      <${ErrorNote} error=${work.error ?? error} retry=${reload} />
      ${!data && !error && html`<${Loading} />`}
      ${
        data &&
        html`<div class="table" tabindex="0" role="region" aria-label=${t('genres')}><table><thead><tr><th>${t('name')}</th><th><span class="visually-hidden">${t('actions')}</span></th></tr></thead><tbody>${data.map(
          (genre) => html`<tr key=${genre.id}><td>${
            edited === genre.id
              ? html`<${Form} submit=${t('save')} onSubmit=${({ name }: Record<string, string>) => change('PATCH', `/genres/${genre.id}`, { name })}>${(fault: unknown) => html`<${Field} label=${t('name')} name="name" value=${genre.name} required maxlength="100" error=${fault} />`}<//>`
              : genre.name
          }</td><td><span class="actions"><button onClick=${() => setEdited(edited === genre.id ? undefined : genre.id)}>${edited === genre.id ? t('cancel') : t('edit')}<span class="visually-hidden"> ${genre.name}</span></button>
          <button class="danger" disabled=${work.busy} onClick=${() => work.run(() => change('DELETE', `/genres/${genre.id}`))}>${t('remove')}<span class="visually-hidden"> ${genre.name}</span></button></span></td></tr>`,
        )}</tbody></table></div>`
      }
    </section>
  `
}
