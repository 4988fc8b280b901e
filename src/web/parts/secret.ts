import { html, useRef, type VNode } from '../html.ts'
import { t } from '../i18n.ts'
import { announce } from './feedback.ts'

/** What is shown once, with a button that copies it. */
export function Secret({ text }: { text: string }): VNode {
  const code = useRef<HTMLElement>(null)
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
      announce(t('copied'))
    } catch {
      // Over plain http there is no clipboard, and a browser may refuse: selected, it can be copied by hand.
      if (code.current) getSelection()?.selectAllChildren(code.current)
    }
  }
  return html`<code class="secret" ref=${code}>${text}</code>
    <p><button type="button" onClick=${copy}>${t('copy')}</button></p>`
}
