import type { Finding } from '../../src/doctor/finding.ts'
import { runNode } from './process.ts'

interface Report {
  code: unknown
  /** Everything that was printed. */
  output: string
  ok: boolean
  /** `status message` by name; several of one name are joined. */
  lines: Record<string, string>
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
  const lines: Record<string, string> = {}
  for (const { name, status, message } of checks) {
    lines[name] = [lines[name], `${status} ${message}`].filter(Boolean).join('\n')
  }
  return { code, output: program.stdout() + program.stderr(), ok, lines }
}
