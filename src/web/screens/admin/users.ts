import { api, useGet, withQuery } from '../../api.ts'
import { html, useState, type VNode } from '../../html.ts'
import { date, dateTime, t } from '../../i18n.ts'
import { announce, ErrorNote, Loading, Notice } from '../../parts/feedback.ts'
import { useWork } from '../../parts/form.ts'
import { Secret } from '../../parts/secret.ts'
import { navigate, type Place } from '../../router.ts'

interface User {
  id: number
  login: string
  name: string | null
  surname: string | null
  role: 'user' | 'admin'
  blocked: boolean
  daily_limit?: number | null
  created_at: string
}

interface Page {
  items: User[]
  total: number
  pages: number
}

export function Users({ place: { query } }: { place: Place }): VNode {
  const q = query.get('q') ?? ''
  const page = Number(query.get('page') ?? 1) || 1
  const { data, error, reload } = useGet<Page>(withQuery('/users', { q, page }))
  const [link, setLink] = useState<{ login: string; url: string; until: string }>()
  const work = useWork()
  const change = (user: User, body: object) =>
    work.run(async () => {
      await api('PATCH', `/users/${user.id}`, body)
      announce(t('saved'))
      reload()
    })
  const reset = (user: User) =>
    work.run(async () => {
      const { token, expires_at } = await api<{ token: string; expires_at: string }>(
        'POST',
        `/users/${user.id}/password-reset`,
      )
      setLink({
        login: user.login,
        url: `${location.origin}/app/reset#token=${encodeURIComponent(token)}`,
        until: expires_at,
      })
    })
  const at = (page: number) => withQuery('/app/admin/users', { q, page })
  return html`
    <div class="toolbar"><form class="name-filter" onSubmit=${(event: SubmitEvent) => {
      event.preventDefault()
      navigate(
        withQuery('/app/admin/users', {
          q: String(new FormData(event.currentTarget as HTMLFormElement).get('q') ?? ''),
        }),
      )
    }}><div class="field"><label for="users-q">${t('users.find')}</label><input key=${q} id="users-q" name="q" type="search" maxlength="200" defaultValue=${q} /></div></form></div>
    <${ErrorNote} error=${work.error ?? error} retry=${reload} />
    ${
      link &&
      html`<${Notice} kind="warning"><div><p>${t('users.reset.link', { login: link.login, time: dateTime(link.until) })}</p><${Secret} text=${link.url} /></div><//>`
    }
    ${!data && !error && html`<${Loading} />`}
    ${
      data &&
      html`<div class="table" tabindex="0" role="region" aria-label=${t('users')}><table>
        <thead><tr><th>${t('users.login')}</th><th>${t('users.role')}</th><th>${t('users.since')}</th><th><span class="visually-hidden">${t('actions')}</span></th></tr></thead>
        <tbody>${data.items.map(
          (
            user,
          ) => html`<tr key=${user.id}><td class="wide">${user.login}${(user.name || user.surname) && html`<br /><span class="quiet">${[user.name, user.surname].filter(Boolean).join(' ')}</span>`}</td>
            <td>${t(`role.${user.role}`)}${user.blocked && html` <span class="state-bad">${t('users.blocked')}</span>`}</td><td>${date(user.created_at)}</td>
            <td><span class="actions">
              <button disabled=${work.busy} onClick=${() => change(user, { role: user.role === 'admin' ? 'user' : 'admin' })}>${user.role === 'admin' ? t('users.demote') : t('users.promote')}<span class="visually-hidden"> ${user.login}</span></button>
              <button disabled=${work.busy} class="danger" onClick=${() => change(user, { blocked: !user.blocked })}>${user.blocked ? t('users.unblock') : t('users.block')}<span class="visually-hidden"> ${user.login}</span></button>
              <button disabled=${work.busy} onClick=${() => reset(user)}>${t('users.reset')}<span class="visually-hidden"> ${user.login}</span></button>
            </span></td></tr>`,
        )}</tbody></table></div>
        <nav class="pager" aria-label=${t('pages')}>${page > 1 ? html`<a class="button" href=${at(page - 1)}>${t('previous')}</a>` : null}<span>${t('page.of', { page, pages: Math.max(1, data.pages) })}</span>${page < data.pages ? html`<a class="button" href=${at(page + 1)}>${t('next')}</a>` : null}</nav>`
    }
  `
}
