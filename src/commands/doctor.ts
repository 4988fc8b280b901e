import { styleText } from 'node:util'
import { findings } from '../doctor/checks.ts'
import type { Finding } from '../doctor/finding.ts'

const styles = { ok: 'green', warning: 'yellow', failed: 'red', skipped: 'gray' } as const

/** `kinoteka doctor`: a line for each finding as it comes, or all of them as JSON. False if one has failed. */
export async function runDoctor(isJson: boolean): Promise<boolean> {
  const checks: Finding[] = []
  for await (const finding of findings()) {
    checks.push(finding)
    if (!isJson) process.stdout.write(`${line(finding)}\n`)
  }
  const passed = checks.every(({ status }) => status !== 'failed')
  if (isJson) process.stdout.write(`${JSON.stringify({ ok: passed, checks }, null, 2)}\n`)
  return passed
}

function line({ name, status, message }: Finding): string {
  return `${styleText(styles[status], status.padEnd(8))} ${name.padEnd(14)} ${message.replace(/\s*\n\s*/g, ' ')}`
}
