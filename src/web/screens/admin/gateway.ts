import { api, useGet } from '../../api.ts'
import { html, type VNode } from '../../html.ts'
import { dateTime, number, t } from '../../i18n.ts'
import { BarChart } from '../../parts/chart.ts'
import { announce, ErrorNote, Loading, Notice } from '../../parts/feedback.ts'
import { Field, Form } from '../../parts/form.ts'
import type { Counts } from '../../types.ts'

interface Status {
  sandbox: boolean
  quota: { limit: number; spent: Record<string, number>; left: number; resets_at: string; checked_at: string | null }
  blocked: { reason: string; since: string; until: string | null } | null
  distrusted: { reason: string; since: string } | null
  circuits: Record<string, 'closed' | 'half-open' | 'open'>
  kept: Record<string, { fresh: number; expired: number }>
  answered: Record<string, { hit: number; stale: number; miss: number; error: number; hit_ratio: number | null }>
}

interface Spending {
  items: ({ user_id?: number | null; login?: string } & Counts)[]
  others: Counts
}

export function Gateway(): VNode {
  const { data, error, reload } = useGet<Status>('/admin/kinopoisk')
  const spending = useGet<Spending>('/admin/usage?days=7&by=user')
  const figures: [string, string][] = data
    ? [
        [t('quota.limit'), data.quota.limit < 0 ? '∞' : number(data.quota.limit)],
        ...Object.entries(data.quota.spent).map(([name, value]): [string, string] => [
          t(`spent.${name}` as 'spent.refresh'),
          number(value),
        ]),
        [t('quota.rest'), data.quota.left < 0 ? '∞' : number(data.quota.left)],
      ]
    : []
  return html`
    <p class="actions"><button onClick=${reload}>${t('refresh')}</button></p>
    <${ErrorNote} error=${error} retry=${reload} />
    ${!data && !error && html`<${Loading} />`}
    ${data?.sandbox && html`<${Notice}>${t('footer.sandbox')}<//>`}
    ${data?.blocked && html`<${Notice} kind="error">${t('gateway.blocked', { reason: data.blocked.reason, time: dateTime(data.blocked.since) })}<//>`}
    ${data?.distrusted && html`<${Notice} kind="warning">${t('gateway.distrusted', { reason: data.distrusted.reason, time: dateTime(data.distrusted.since) })}<//>`}
    ${
      data &&
      html`<section class="panel"><h2>${t('quota')}</h2>
        <dl class="figures">${figures.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
        ${data.quota.limit > 0 && html`<label>${t('quota.burn')} <progress max=${data.quota.limit} value=${data.quota.limit - data.quota.left}></progress></label>`}
        <p class="quiet">${t('quota.resets', { time: dateTime(data.quota.resets_at) })}</p>
      </section>
      <section class="panel"><h2>${t('gateway.endpoints')}</h2>
        <div class="table" tabindex="0" role="region" aria-label=${t('gateway.endpoints')}><table>
          <thead><tr><th>${t('gateway.endpoint')}</th><th>${t('gateway.circuit')}</th><th class="number">${t('gateway.fresh')}</th><th class="number">${t('gateway.expired')}</th><th class="number">${t('gateway.hits')}</th><th class="number">${t('gateway.errors')}</th></tr></thead>
          <tbody>${Object.entries(data.circuits).map(
            ([
              name,
              circuit,
            ]) => html`<tr key=${name}><th scope="row">${name}</th><td class=${circuit === 'closed' ? 'state-ok' : 'state-bad'}>${t(`circuit.${circuit}`)}</td>
              <td class="number">${number(data.kept[name]?.fresh ?? 0)}</td><td class="number">${number(data.kept[name]?.expired ?? 0)}</td>
              <td class="number">${typeof data.answered[name]?.hit_ratio === 'number' ? number(data.answered[name].hit_ratio, { style: 'percent' }) : '—'}</td><td class="number">${number(data.answered[name]?.error ?? 0)}</td></tr>`,
          )}</tbody></table></div>
      </section>`
    }
    ${spending.data && html`<${BarChart} title=${t('gateway.spenders')} unit=${t('usage.calls')} bars=${spending.data.items.map((item) => ({ label: item.login ?? String(item.user_id ?? '—'), value: item.calls }))} />`}
    <section class="panel"><h2>${t('gateway.refresh')}</h2>
      <p>${t('gateway.refresh.help')}</p>
      <${Form} submit=${t('gateway.refresh')} onSubmit=${async ({ id }: Record<string, string>) => {
        await api('POST', `/admin/kinopoisk/films/${encodeURIComponent(id ?? '')}/refresh`)
        announce(t('gateway.refreshed'))
        reload()
      }}>${(fault: unknown) => html`<${Field} label=${t('films.kinopoiskId')} name="id" inputmode="numeric" pattern="[0-9]{1,9}" required error=${fault} />`}<//>
    </section>
  `
}
