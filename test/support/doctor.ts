import { findings } from '../../src/doctor/checks.ts'
import type { Finding } from '../../src/doctor/finding.ts'
import { runNode } from './process.ts'

/** What these environments have in common. */
export const JWT_SECRET = 'a-secret-of-more-than-32-characters'
export const key = '8c8e1a50-6322-4135-8875-5d40a5420d86'

/** Upstream's answer about a key of 500 calls a day. */
export const account = (used: number) => ({
  body: JSON.stringify({ totalQuota: { value: -1, used: 0 }, dailyQuota: { value: 500, used }, accountType: 'FREE' }),
})

/** `status message` by name; several of one name are joined. */
type Lines = Record<string, string>

interface Report {
  code: unknown
  /** Everything that was printed. */
  output: string
  ok: boolean
  lines: Lines
}

/** What is found with this environment alone. */
export async function examine(env: Record<string, string>): Promise<{ passed: boolean; text: string; lines: Lines }> {
  const found = await Array.fromAsync(findings(() => env))
  const passed = found.every(({ status }) => status !== 'failed')
  return { passed, text: JSON.stringify(found), lines: linesOf(found) }
}

/** `kinoteka doctor --json` with this environment alone; `before`: arguments of Node. */
export async function doctor(env: Record<string, string>, before: string[] = [], cwd?: string): Promise<Report> {
  const cli = `${import.meta.dirname}/../../src/cli.ts`
  const program = runNode([...before, cli, 'doctor', '--json'], {
    env: { TMPDIR: '/tmp', ...env },
    ...(cwd && { cwd }),
  })
  const code = await program.ended()
  const { ok, checks } = JSON.parse(program.stdout()) as { ok: boolean; checks: Finding[] }
  return { code, output: program.stdout() + program.stderr(), ok, lines: linesOf(checks) }
}

function linesOf(found: Finding[]): Lines {
  const lines: Lines = {}
  for (const { name, status, message } of found) {
    lines[name] = [lines[name], `${status} ${message}`].filter(Boolean).join('\n')
  }
  return lines
}
