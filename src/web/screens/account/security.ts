import { api, useGet } from '../../api.ts'
import { html, useStore, type VNode } from '../../html.ts'
import { dateTime, t } from '../../i18n.ts'
import { announce, ErrorNote, Loading } from '../../parts/feedback.ts'
import { Field, Form, useWork } from '../../parts/form.ts'
import { navigate } from '../../router.ts'
import { logOut, session } from '../../session.ts'

interface Session {
  id: string
  created_at: string
  last_used_at: string
  user_agent: string | null
  ip: string | null
  current: boolean
}

export function Security(): VNode {
  const { user } = useStore(session)
  const { data, error, reload } = useGet<Session[]>('/auth/sessions')
  const work = useWork()
  const leave = () =>
    work.run(async () => {
      await logOut()
      navigate('/')
    })
  const end = (path: string) =>
    work.run(async () => {
      await api('DELETE', path)
      announce(t('sessions.ended'))
      reload()
    })
  return html`
    <section class="panel"><h2>${t('sessions')}</h2>
      <p class="actions"><button class="primary" onClick=${leave} disabled=${work.busy}>${t('logout')}</button>
        <button onClick=${() => end('/auth/sessions')} disabled=${work.busy || (data?.length ?? 0) < 2}>${t('sessions.endOthers')}</button></p>
      <${ErrorNote} error=${work.error ?? error} />
      ${!data && !error && html`<${Loading} />`}
      ${
        data &&
        html`<div class="table" tabindex="0" role="region" aria-label=${t('sessions')}><table>
          <thead><tr><th>${t('sessions.device')}</th><th>${t('sessions.address')}</th><th>${t('sessions.used')}</th><th><span class="visually-hidden">${t('actions')}</span></th></tr></thead>
          <tbody>${data.map(
            (
              each,
            ) => html`<tr key=${each.id}><td class="wide">${deviceOf(each.user_agent)}${each.current && html` <strong>(${t('sessions.this')})</strong>`}</td><td>${each.ip}</td><td>${dateTime(each.last_used_at)}</td>
              <td>${!each.current && html`<button onClick=${() => end(`/auth/sessions/${each.id}`)} disabled=${work.busy}>${t('sessions.end')}</button>`}</td></tr>`,
          )}</tbody></table></div>`
      }
    </section>
    <section class="panel"><h2>${t('password.change')}</h2>
      <p>${t('password.change.help')}</p>
      <${Form} submit=${t('password.change')} onSubmit=${async (
        { old_password, new_password }: Record<string, string>,
        form: HTMLFormElement,
      ) => {
        await api('PUT', '/user/password', { old_password, new_password })
        form.reset()
        announce(t('saved'))
        reload()
      }}>
        ${(fault: unknown) => html`
          <input type="text" name="username" value=${user?.login ?? ''} autocomplete="username" hidden />
          <${Field} label=${t('password.old')} name="old_password" type="password" autocomplete="current-password" required maxlength="128" error=${fault} />
          <${Field} label=${t('password.new')} name="new_password" type="password" help=${t('password.help')} autocomplete="new-password" required minlength="8" maxlength="128" error=${fault} />`}
      <//>
    </section>
  `
}

/** Browser and system, of the long line that browsers send. */
function deviceOf(agent: string | null): string {
  if (!agent) return '—'
  const [browser = agent.slice(0, 60)] = /(Firefox|Edg|OPR|YaBrowser|Chrome|Safari)\/\d+/.exec(agent) ?? []
  const [system = ''] = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(agent) ?? []
  return [browser.replace('/', ' '), system].filter(Boolean).join(' · ')
}
