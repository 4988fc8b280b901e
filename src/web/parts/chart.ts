import { html, type VNode } from '../html.ts'
import { number } from '../i18n.ts'

export interface Bar {
  label: string
  value: number
}

const row = 26
const width = 420
const labelWidth = 130

/** Bars as SVG, and the same as a table for screen readers. */
export function BarChart({ title, bars, unit }: { title: string; bars: Bar[]; unit: string }): VNode | null {
  if (bars.length === 0) return null
  const most = Math.max(1, ...bars.map(({ value }) => value))
  const height = bars.length * row + 4
  const space = width - labelWidth - 50
  return html`<section class="panel">
    <h2>${title}</h2>
    <svg class="chart" viewBox=${`0 0 ${width} ${height}`} aria-hidden="true">
      ${bars.map(({ label, value }, i) => {
        const [y, size] = [i * row, Math.max(value > 0 ? 2 : 0, (value / most) * space)]
        return html`<g key=${label}>
          <text x=${labelWidth - 8} y=${y + 17} text-anchor="end">${cut(label)}</text>
          <rect class="bar" x=${labelWidth} y=${y + 4} width=${size} height=${row - 8} rx="3" />
          <text class="value" x=${labelWidth + size + 6} y=${y + 17}>${number(value)}</text>
        </g>`
      })}
    </svg>
    <div class="visually-hidden"><table>
      <caption>${title}</caption>
      <thead><tr><th scope="col">${title}</th><th scope="col">${unit}</th></tr></thead>
      <tbody>${bars.map(({ label, value }) => html`<tr key=${label}><th scope="row">${label}</th><td>${number(value)}</td></tr>`)}</tbody>
    </table></div>
  </section>`
}

function cut(label: string): string {
  return label.length > 18 ? `${label.slice(0, 17)}…` : label
}
