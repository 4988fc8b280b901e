import { App } from './app.ts'
import { html, render } from './html.ts'
import { loadLanguage } from './i18n.ts'
import { startRouter } from './router.ts'
import { start } from './session.ts'

const root = document.getElementById('app')
// Both need the network, and neither needs the other.
await Promise.all([loadLanguage(), start()])
if (root) {
  root.replaceChildren()
  render(html`<${App} />`, root)
}
startRouter()
