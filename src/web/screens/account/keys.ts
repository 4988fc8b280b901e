import { api, useGet } from '../../api.ts'
import { html, useState, type VNode } from '../../html.ts'
import { date, dateTime, number, t } from '../../i18n.ts'
import { BarChart } from '../../parts/chart.ts'
import { announce, Empty, ErrorNote, Notice } from '../../parts/feedback.ts'
import { Field, Form, useWork } from '../../parts/form.ts'
import { Secret } from '../../parts/secret.ts'
import { QuotaLine } from '../../parts/source.ts'
import type { Usage } from '../../types.ts'

interface Key {
  id: number
  name: string
  scopes: string[]
  created_at: string
  expires_at: string | null
  daily_limit: number | null
  last_used_at: string | null
}

const scopes = ['gateway', 'read', 'lists'] as const

/** Keys for programs: made once, shown once, revoked at any time; and what they have spent. */
export function Keys(): VNode {
  const keys = useGet<Key[]>('/user/keys')
  const usage = useGet<Usage>('/user/usage?days=14')
  const [made, setMade] = useState<(Key & { key: string }) | undefined>()
  const work = useWork()
  const make = async (values: Record<string, string>, form: HTMLFormElement) => {
    const chosen = scopes.filter(
      (scope) =>
        form.elements.namedItem(`scope-${scope}`) instanceof HTMLInputElement &&
        (form.elements.namedItem(`scope-${scope}`) as HTMLInputElement).checked,
    )
    const body = {
      name: values.name,
      scopes: chosen,
      ...(values.expires_at && { expires_at: new Date(values.expires_at).toISOString() }),
      ...(values.daily_limit && { daily_limit: Number(values.daily_limit) }),
    }
    setMade(await api<Key & { key: string }>('POST', '/user/keys', body))
    form.reset()
    keys.reload()
  }
  const revoke = (key: Key) =>
    work.run(async () => {
      await api('DELETE', `/user/keys/${key.id}`)
      announce(t('keys.revoked'))
      keys.reload()
    })
  const spent = (id: number) => usage.data?.by_key.find(({ key_id }) => key_id === id)
  return html`
    <section class="panel"><h2>${t('keys.make')}</h2>
      <p>${t('keys.help')}</p>
      ${made && html`<${NewKey} made=${made} />`}
      <${Form} submit=${t('keys.make')} onSubmit=${make}>
        ${(fault: unknown) => html`
          <div class="form-grid">
            <${Field} label=${t('keys.name')} name="name" required maxlength="100" error=${fault} />
            <${Field} label=${t('keys.limit')} name="daily_limit" type="number" min="0" max="1000000" error=${fault} />
            <${Field} label=${t('keys.expires')} name="expires_at" type="date" error=${fault} />
          </div>
          <fieldset><legend>${t('keys.scopes')}</legend>
            ${scopes.map((scope) => html`<label class="choice" key=${scope}><input type="checkbox" name=${`scope-${scope}`} defaultChecked=${scope !== 'lists'} /><span>${t(`scope.${scope}`)}</span></label>`)}
          </fieldset>`}
      <//>
    </section>
    <section class="panel"><h2>${t('keys')}</h2>
      <${ErrorNote} error=${work.error ?? keys.error} retry=${keys.reload} />
      ${keys.data?.length === 0 && html`<${Empty} title=${t('keys.none')} />`}
      ${
        (keys.data?.length ?? 0) > 0 &&
        html`<div class="table" tabindex="0" role="region" aria-label=${t('keys')}><table>
          <thead><tr><th>${t('keys.name')}</th><th>${t('keys.scopes')}</th><th>${t('keys.used')}</th><th class="number">${t('keys.today')}</th><th><span class="visually-hidden">${t('actions')}</span></th></tr></thead>
          <tbody>${keys.data?.map(
            (
              key,
            ) => html`<tr key=${key.id}><td class="wide">${key.name}${key.expires_at && html`<br /><span class="quiet">${t('keys.until', { time: date(key.expires_at) })}</span>`}</td><td>${key.scopes.join(', ')}</td><td>${key.last_used_at ? dateTime(key.last_used_at) : t('never')}</td>
              <td class="number">${number(spent(key.id)?.calls_today ?? 0)}${key.daily_limit !== null && ` / ${number(key.daily_limit)}`}</td><td><button class="danger" onClick=${() => revoke(key)} disabled=${work.busy}>${t('keys.revoke')}<span class="visually-hidden"> ${key.name}</span></button></td></tr>`,
          )}</tbody></table></div>`
      }
    </section>
    <${QuotaLine} />
    ${usage.data && html`<${BarChart} title=${t('usage.calls')} unit=${t('usage.calls')} bars=${usage.data.by_day.map(({ day, calls }) => ({ label: date(`${day}T12:00:00Z`, { day: 'numeric', month: 'short' }), value: calls }))} />`}
  `
}

function NewKey({ made }: { made: { name: string; key: string } }): VNode {
  return html`<${Notice} kind="warning"><div>
    <p>${t('keys.once', { name: made.name })}</p>
    <${Secret} text=${made.key} />
  </div><//>`
}
