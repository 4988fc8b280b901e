import { setTimeout as sleep } from 'node:timers/promises'

/** One line of the report. The message of what is not `ok` ends with what to do. */
export interface Finding {
  name: string
  status: 'ok' | 'warning' | 'failed' | 'skipped'
  message: string
}

export type Checked = Omit<Finding, 'name'>

export const ok = (message: string): Checked => ({ status: 'ok', message })
export const warning = (message: string): Checked => ({ status: 'warning', message })
export const failed = (message: string): Checked => ({ status: 'failed', message })
export const skipped = (message: string): Checked => ({ status: 'skipped', message })

/** The result of the check, or that it has not come: whatever happens, this ends, and in time. */
export async function bounded(limitMs: number, check: () => Promise<Checked>, advice: string): Promise<Checked> {
  const timer = new AbortController()
  const late = sleep(limitMs, failed(`no answer within ${limitMs / 1000} s. ${advice}`), { signal: timer.signal })
  late.catch(() => {}) // of the timer that is not needed any more
  const result = (async () => check())().catch((error: Error) => failed(`${error.message}. ${advice}`))
  return Promise.race([result, late]).finally(() => timer.abort())
}
