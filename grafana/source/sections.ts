import { readFileSync } from 'node:fs'

const markdown = readFileSync(new URL('../../deploy/RUNBOOK.md', import.meta.url), 'utf8')

/** The runbook's sections of alerts, `### Name`, in their order. */
export const sections = markdown
  .split(/^(?=#{1,3} )/m)
  .map((section) => /^### (\w+)\n+(.*)$/s.exec(section))
  .flatMap((match) => (match ? [{ title: match[1] ?? '', content: (match[2] ?? '').trim() }] : []))

/** Where the runbook's dashboard shows the section of an alert. The first panel is the row's title. */
export function addressOf(alert: string): string {
  const index = sections.findIndex(({ title }) => title === alert)
  if (index < 0) throw new Error(`deploy/RUNBOOK.md has no section ${alert}`)
  return `/d/kinoteka-runbook?viewPanel=panel-${index + 2}`
}
