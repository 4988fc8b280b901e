import { readFile, writeFile } from 'node:fs/promises'
import type { Fault, Outcome } from './cases.ts'

const names: Record<Fault, string> = {
  switchover: 'switchover by Patroni',
  kill: '`kill -9` of the leader and its Patroni',
  freeze: 'freeze (SIGSTOP) of both, and thaw',
  cut: 'standbys cut off from the leader for 3 s',
  'cut and kill': 'standbys cut off from the leader for 3 s, then `kill -9`',
}
/** The longest time without a write that a fault may cost, in seconds. */
const longestGap: Record<Fault, number> = { switchover: 3, kill: 25, freeze: 30, cut: 15, 'cut and kill': 28 }
const longestFirstWrite = 2

/** What does not hold of what is promised; empty when all does. */
export function faultsOf(outcome: Outcome): string[] {
  const { fault, isSynchronous, gap, firstWrite, lost, answers, different, ended } = outcome
  const strange = [...answers.keys()].filter((answer) => !/^503 \w+$/.test(answer))
  return [
    gap > longestGap[fault] && `${gap.toFixed(1)} s without a write`,
    fault !== 'cut' &&
      firstWrite > longestFirstWrite &&
      `the first write ${firstWrite.toFixed(1)} s after the new leader`,
    isSynchronous && lost > 0 && `${lost} acknowledged writes are lost`,
    strange.length > 0 && `clients got ${strange.join(', ')}`,
    different > 0 && `${different} lists differ from the database`,
    ended > 0 && `${ended} replicas ended`,
  ].filter((each) => each !== false)
}

const head = [
  '| fault | mode | new leader after | first write at both replicas | longest gap | acknowledged | lost | clients got | lists that differ |',
  '|---|---|--:|--:|--:|--:|--:|---|--:|',
]

export function rowOf(outcome: Outcome): string {
  const { fault, isSynchronous, leaderAfter, firstWrite, gap, acknowledged, lost, answers, different } = outcome
  const said = [...answers].map(([answer, times]) => `${times} × ${answer}`).join(', ') || '–'
  const cells = [
    ...[names[fault], isSynchronous ? 'synchronous' : 'asynchronous'],
    ...(fault === 'cut' ? ['–', '–'] : [leaderAfter, firstWrite].map((seconds) => `${seconds.toFixed(1)} s`)),
    ...[`${gap.toFixed(1)} s`],
    ...[acknowledged, lost, said, different],
  ]
  return `| ${cells.join(' | ')} |`
}

export const table = (rows: string[]) => [...head, ...rows].join('\n')

/** Puts the table where the page has it. */
export async function writeTable(file: string, rows: string[]): Promise<void> {
  const [begin, end] = ['<!-- written by npm run test:ha -->', '<!-- end -->']
  const page = await readFile(file, 'utf8')
  const [before, rest] = page.split(begin)
  const after = rest?.split(end)[1]
  if (after === undefined) throw new Error(`${file} has no place for the table`)
  await writeFile(file, `${before}${begin}\n\n${table(rows)}\n\n${end}${after}`)
}
