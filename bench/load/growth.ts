import { join } from 'node:path'
import type { Server } from './postgres.ts'
import { type Table, titleOf } from './report.ts'
import { details, lists } from './requests.ts'
import { fillSeconds, type Options } from './rounds.ts'
import { openStage } from './stage.ts'
import { load, writeRequests } from './wrk.ts'

const connections = [1, 8, 64, 256]

/** Details and lists with ten and a hundred times the films, and with more and more connections. */
export async function measureGrowth(
  server: Server,
  peers: string[],
  sizes: number[],
  options: Options,
): Promise<Table[]> {
  const { seconds, temporary, say } = options
  const tables = { detail: [] as string[][], list: [] as string[][] }
  let names: string[] = []
  for (const films of sizes) {
    const stage = await openStage(server, { films, peers, temporary, say })
    names = [...stage.targets.keys()].filter((name) => name !== 'argon2')
    const requests = { detail: details(stage), list: lists() }
    for (const scenario of ['detail', 'list'] as const) {
      const file = join(temporary, `growth-${scenario}.requests`)
      await writeRequests(file, requests[scenario])
      for (const [index, width] of connections.entries()) {
        const cells = [String(films), String(width)]
        for (const name of names) {
          const target = stage.targets.get(name)
          if (!target) continue
          const common = { target, databasePid: server.pid, file, connections: width, from: index / 4 }
          if (index === 0) await load({ ...common, connections: 64, seconds: name === 'ours' ? fillSeconds(films) : 3 })
          const { rate, p99, failed } = await load({ ...common, seconds })
          cells.push(`${rate.toFixed(0)} (${p99.toFixed(1)})${failed > 0 ? `, ${failed} failed` : ''}`)
        }
        tables[scenario].push(cells)
        say(`growth, ${scenario}: ${cells.join(', ')}`)
      }
    }
    await stage.stop()
  }
  return Object.entries(tables).map(([scenario, rows]) => ({
    title: `growth: ${scenario}`,
    note: 'Requests/s, and p99 in ms. Before, 3 s of load; of ours so much more as its memory needs to fill.',
    header: ['films', 'connections', ...names.map(titleOf)],
    rows,
  }))
}
