import { api, download, useGet } from '../../api.ts'
import { html, useStore, type VNode } from '../../html.ts'
import { capital, chooseLanguage, type Language, language, languages, t } from '../../i18n.ts'
import { announce, ErrorNote } from '../../parts/feedback.ts'
import { Field, Form, Select, useWork } from '../../parts/form.ts'
import { navigate } from '../../router.ts'
import { endHere, loadUser, logOut, session } from '../../session.ts'
import type { Named } from '../../types.ts'

export function Profile(): VNode | null {
  const { user } = useStore(session)
  const genres = useGet<Named[]>('/genres')
  const { busy, error, run } = useWork()
  if (!user) return null
  const save = async ({ name = '', surname = '', age = '', favorite_genre = '' }: Record<string, string>) => {
    await api('PATCH', '/user', { name, surname, age, favorite_genre })
    await loadUser()
    announce(t('saved'))
  }
  return html`
    <section class="panel"><h2>${user.login}</h2>
      <${Form} submit=${t('save')} onSubmit=${save}>
        ${(fault: unknown) => html`<div class="form-grid">
          <${Field} label=${t('profile.name')} name="name" value=${user.name ?? ''} maxlength="100" autocomplete="given-name" error=${fault} />
          <${Field} label=${t('profile.surname')} name="surname" value=${user.surname ?? ''} maxlength="100" autocomplete="family-name" error=${fault} />
          <${Field} label=${t('age')} name="age" type="number" min="0" max="150" value=${user.age ?? ''} error=${fault} />
          <${Select} label=${t('profile.genre')} name="favorite_genre" value=${String(user.favorite_genre ?? '')} options=${[['', '—'], ...(genres.data ?? []).map(({ id, name }) => [String(id), capital(name)])]} />
        </div>`}
      <//>
    </section>
    <section class="panel"><h2>${t('language')}</h2>
      <${Select} label=${t('language')} value=${language.get()} options=${Object.entries(languages)}
        onChange=${(event: Event) => chooseLanguage((event.target as HTMLSelectElement).value as Language)} />
    </section>
    <section class="panel"><h2>${t('export.all')}</h2>
      <p>${t('export.all.help')}</p>
      <p class="actions"><button disabled=${busy} onClick=${() => run(() => download('/user/export', 'kinoteka.json'))}>${t('export.all')}</button></p>
      <${ErrorNote} error=${error} />
    </section>
    <section class="panel"><h2>${t('erase')}</h2>
      <details><summary>${t('erase.help')}</summary>
        <${Form} submit=${t('erase')} kind="danger" onSubmit=${async ({ password }: Record<string, string>) => {
          await api('DELETE', '/user', { password })
          await logOut().catch(() => endHere(false))
          announce(t('erase.done'))
          navigate('/')
        }}>
          ${(
            fault: unknown,
          ) => html`<input type="text" name="username" value=${user.login} autocomplete="username" hidden />
            <${Field} label=${t('password')} name="password" type="password" autocomplete="current-password" required maxlength="128" error=${fault} />`}
        <//>
      </details>
    </section>
  `
}
