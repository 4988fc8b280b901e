import { html, type VNode } from '../html.ts'
import { t } from '../i18n.ts'
import { Heading } from '../parts/feedback.ts'
import { Tabs } from '../parts/form.ts'
import { Keys } from './account/keys.ts'
import { Profile } from './account/profile.ts'
import { Security } from './account/security.ts'

export default function Account({ id }: { id: string }): VNode {
  const tab = id || 'profile'
  const items: [string, string][] = [
    ['/app/account/profile', t('profile')],
    ['/app/account/security', t('security')],
    ['/app/account/keys', t('keys')],
  ]
  return html`
    <${Heading} title=${t('nav.account')} />
    <${Tabs} items=${items} current=${`/app/account/${tab}`} label=${t('nav.account')} />
    ${tab === 'profile' && html`<${Profile} />`}
    ${tab === 'security' && html`<${Security} />`}
    ${tab === 'keys' && html`<${Keys} />`}
  `
}
