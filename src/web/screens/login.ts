import { api } from '../api.ts'
import { html, type VNode } from '../html.ts'
import { t } from '../i18n.ts'
import { announce, Heading, Notice } from '../parts/feedback.ts'
import { Field, Form } from '../parts/form.ts'
import { navigate, type Place } from '../router.ts'
import { logIn } from '../session.ts'

type Values = Record<string, string>

/** Logging in, registering, and a new password by the link of an administrator; also shown in place of what needs a user. */
export default function Login({ place }: { place: Place }): VNode {
  if (place.path === '/app/register') return html`<${Register} />`
  if (place.path === '/app/reset')
    return html`<${Reset} token=${new URLSearchParams(place.hash.slice(1)).get('token') ?? ''} />`
  const back = place.path === '/app/login' ? '/' : null
  return html`<div class="narrow">
    <${Heading} title=${t('login')} />
    ${back === null && place.path !== '/' ? html`<${Notice}>${t('login.needed')}<//>` : html`<p class="lead">${t('login.lead')}</p>`}
    <${Form} submit=${t('login.submit')} onSubmit=${async ({ login = '', password = '' }: Values) => {
      await logIn(login, password)
      if (back) navigate(back)
    }}>
      ${(error: unknown) => html`
        <${Field} label=${t('login.name')} name="login" autocomplete="username" required maxlength="254" error=${error} />
        <${Field} label=${t('password')} name="password" type="password" autocomplete="current-password" required maxlength="128" error=${error} />
        ${!isSecureContext && html`<${Notice} kind="warning">${t('footer.plain')}<//>`}
      `}
    <//>
    <p>${t('login.new')} <a href="/app/register">${t('register')}</a></p>
    <p class="quiet">${t('login.forgotten')}</p>
  </div>`
}

function Register(): VNode {
  return html`<div class="narrow">
    <${Heading} title=${t('register')} />
    <${Form} submit=${t('register.submit')} onSubmit=${async ({ login = '', password = '', name = '' }: Values) => {
      await api('POST', '/auth/register', { login, password, ...(name && { name }) })
      await logIn(login, password)
      navigate('/')
    }}>
      ${(error: unknown) => html`
        <${Field} label=${t('login.name')} name="login" help=${t('register.loginHelp')} autocomplete="username" required maxlength="254" error=${error} />
        <${Field} label=${t('password')} name="password" type="password" help=${t('password.help')} autocomplete="new-password" required minlength="8" maxlength="128" error=${error} />
        <${Field} label=${t('register.firstName')} name="name" autocomplete="given-name" maxlength="100" error=${error} />
      `}
    <//>
    <p>${t('register.have')} <a href="/app/login">${t('login')}</a></p>
  </div>`
}

function Reset({ token }: { token: string }): VNode {
  return html`<div class="narrow">
    <${Heading} title=${t('reset.title')} />
    ${!token && html`<${Notice} kind="error">${t('reset.noToken')}<//>`}
    <${Form} submit=${t('reset.submit')} onSubmit=${async ({ new_password = '' }: Values) => {
      await api('POST', '/auth/reset', { token, new_password })
      announce(t('reset.done'))
      navigate('/app/login')
    }}>
      ${(error: unknown) => html`<${Field} label=${t('password.new')} name="new_password" type="password" help=${t('password.help')} autocomplete="new-password" required minlength="8" maxlength="128" error=${error} />`}
    <//>
  </div>`
}
