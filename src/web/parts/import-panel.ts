import { upload, withQuery } from '../api.ts'
import { html, useRef, useState, type VNode } from '../html.ts'
import { number, t } from '../i18n.ts'
import type { ImportReport } from '../types.ts'
import { invalidateLists } from './endless.ts'
import { announce, ErrorNote, Notice } from './feedback.ts'
import { useWork } from './form.ts'

/** A file is first looked at (a dry run); what would be done is shown before it is done. */
export function ImportPanel({ path, help, accept }: { path: string; help: string; accept: string }): VNode {
  const { busy, error, run } = useWork()
  const [file, setFile] = useState<File>()
  const [report, setReport] = useState<ImportReport>()
  const [part, setPart] = useState(0)
  const input = useRef<HTMLInputElement>(null)

  const send = (chosen: File, isDry: boolean) =>
    run(async () => {
      setPart(0)
      const form = new FormData()
      form.append('file', chosen, chosen.name)
      const done = await upload<ImportReport>('POST', withQuery(path, { dry_run: isDry || undefined }), form, setPart)
      setReport(done)
      if (!isDry) invalidateLists()
      announce(isDry ? t('import.looked') : t('import.done'))
    })
  return html`<section class="panel">
    <h2>${t('import')}</h2>
    <p>${help}</p>
    <label class="field"><span>${t('file')}</span>
      <input ref=${input} type="file" accept=${accept} disabled=${busy} onChange=${(event: Event) => {
        const [chosen] = (event.target as HTMLInputElement).files ?? []
        setFile(chosen)
        setReport(undefined)
        if (chosen) void send(chosen, true)
      }} />
    </label>
    ${busy && html`<p role="status">${part < 1 ? t('import.sending') : t('import.working')} <progress max="1" value=${part < 1 ? part : null} aria-label=${t('import')}></progress></p>`}
    <${ErrorNote} error=${error} />
    ${report && html`<${Report} report=${report} />`}
    ${
      report?.dry_run &&
      file &&
      !busy &&
      html`<p class="actions"><button class="primary" onClick=${() => send(file, false)}>${t('import.do')}</button>
        <button onClick=${() => {
          setFile(undefined)
          setReport(undefined)
          if (input.current) input.current.value = ''
        }}>${t('cancel')}</button></p>`
    }
  </section>`
}

function Report({ report }: { report: ImportReport }): VNode {
  const figures = [
    [t('import.rows'), report.rows],
    [t('import.created'), report.created],
    [t('import.updated'), report.updated],
    [t('import.skipped'), report.skipped],
    [t('import.failed'), report.failed],
  ] as const
  return html`<div role="region" aria-label=${t('import.report')}>
    <h3>${report.dry_run ? t('import.would') : t('import.done')}</h3>
    <dl class="figures">${figures.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${number(value)}</dd></div>`)}</dl>
    ${report.problem && html`<${Notice} kind="warning">${report.problem.message}<//>`}
    <${Rows} title=${t('import.errors')} rows=${report.errors} total=${report.errors_total} />
    <${Rows} title=${t('import.warnings')} rows=${report.warnings ?? []} total=${report.warnings?.length ?? 0} />
    ${
      (report.changes?.length ?? 0) > 0 &&
      html`<div class="table" tabindex="0" role="region" aria-label=${t('import.changes')}><table><caption>${t('import.changes')}</caption>
        <thead><tr><th>${t('row')}</th><th>${t('column')}</th><th>${t('before')}</th><th>${t('after')}</th></tr></thead>
        <tbody>${report.changes?.map((change, i) => html`<tr key=${i}><td>${change.row}</td><td>${change.column}</td><td class="wide">${change.old}</td><td class="wide">${change.new}</td></tr>`)}</tbody>
      </table></div>`
    }
  </div>`
}

function Rows({ title, rows, total }: { title: string; rows: ImportReport['errors']; total: number }): VNode | null {
  if (rows.length === 0) return null
  return html`<div class="table" tabindex="0" role="region" aria-label=${title}><table>
    <caption>${title}${total > rows.length ? ` (${rows.length} / ${number(total)})` : ''}</caption>
    <thead><tr><th>${t('row')}</th><th>${t('import.reason')}</th></tr></thead>
    <tbody>${rows.map(({ file, row, column, message }, i) => html`<tr key=${i}><td>${[file, row].filter(Boolean).join(': ')}</td><td class="wide">${column ? `${column}: ` : ''}${message}</td></tr>`)}</tbody>
  </table></div>`
}
