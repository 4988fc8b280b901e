import { html, type VNode } from '../html.ts'
import { t } from '../i18n.ts'
import { Heading } from '../parts/feedback.ts'

export default function NotFound(): VNode {
  return html`
    <${Heading} title=${t('notFound.title')} />
    <p>${t('notFound.help')}</p>
    <p class="actions"><a class="button" href="/">${t('home')}</a> <a href="/app/catalogue">${t('nav.catalogue')}</a></p>
  `
}
