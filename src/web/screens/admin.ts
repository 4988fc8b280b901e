import { html, type VNode } from '../html.ts'
import { t } from '../i18n.ts'
import { Heading } from '../parts/feedback.ts'
import { Tabs } from '../parts/form.ts'
import type { Place } from '../router.ts'
import { Directors } from './admin/directors.ts'
import { Films } from './admin/films.ts'
import { Gateway } from './admin/gateway.ts'
import { Genres } from './admin/genres.ts'
import { Users } from './admin/users.ts'

export default function Admin({ id, place }: { id: string; place: Place }): VNode {
  const tab = id || 'films'
  const items: [string, string][] = [
    ['/app/admin/films', t('films')],
    ['/app/admin/genres', t('genres')],
    ['/app/admin/directors', t('directors')],
    ['/app/admin/users', t('users')],
    ['/app/admin/gateway', t('gateway')],
  ]
  return html`
    <${Heading} title=${t('nav.admin')} />
    <${Tabs} items=${items} current=${`/app/admin/${tab}`} label=${t('nav.admin')} />
    ${tab === 'films' && html`<${Films} place=${place} />`}
    ${tab === 'genres' && html`<${Genres} />`}
    ${tab === 'directors' && html`<${Directors} />`}
    ${tab === 'users' && html`<${Users} place=${place} />`}
    ${tab === 'gateway' && html`<${Gateway} />`}
  `
}
