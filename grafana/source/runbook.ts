import { dashboard, text } from './panels.ts'
import { sections } from './sections.ts'

const panels = sections.map(({ title, content }) => text(title, content))

/** The runbook as a dashboard, so that a panel can lead to the section of its alert. */
export const runbook = dashboard(
  {
    uid: 'kinoteka-runbook',
    title: 'Runbook',
    description: 'The alerts of deploy/RUNBOOK.md: what each means, what to look at, what to do.',
  },
  { Alerts: panels.flatMap((_, index) => (index % 2 ? [] : [panels.slice(index, index + 2)])) },
)
