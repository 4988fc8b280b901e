import { useGet } from '../api.ts'
import { html, useStore, type VNode } from '../html.ts'
import { ago, dateTime, t } from '../i18n.ts'
import { session } from '../session.ts'
import type { Source, Usage } from '../types.ts'

/** Where an answer came from and how old it is, in words. */
export function SourceLine({ source, headers }: { source: Source; headers: Headers | undefined }): VNode {
  const age = Number(headers?.get('age') ?? 0)
  const time = age < 60 ? t('source.now') : ago(age)
  const text = {
    kinopoisk: t('source.kinopoisk', { time }),
    cache: t('source.cache', { time }),
    local: t('source.local'),
  }[source]
  return html`<p class=${`source ${source === 'kinopoisk' ? '' : 'warning'}`}>${text}</p>`
}

/** What is left of the user's share of today's calls of Kinopoisk. */
export function QuotaLine({ turn = 0 }: { turn?: unknown }): VNode | null {
  const { user } = useStore(session)
  const { data } = useGet<Usage>(user ? '/user/usage?days=1' : null)
  if (!data || data.budget.limit < 0) return null
  const { left, limit, resets_at } = data.budget
  return html`<p class="source quiet" key=${String(turn)}>${
    left > 0 ? t('quota.left', { left, limit }) : t('quota.none', { time: dateTime(resets_at) })
  }</p>`
}
