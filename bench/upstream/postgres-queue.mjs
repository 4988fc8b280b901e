// npm install postgres && DATABASE_URL=postgres://… node postgres-queue.mjs [queries at a time, 1] [thousands of queries, 200]
// CPU time of this process for each query, as more and more of them have been answered.
import postgres from 'postgres'

const [, , atOnce = '1', thousands = '200'] = process.argv
const sql = postgres(process.env.DATABASE_URL, { max: 10 })

// All ten connections are opened: by something that comes in a burst, as it does in any server.
await Promise.all(Array.from({ length: 10 }, () => sql`select pg_sleep(0.2)`))
await report('first 10,000', 10)
for (let done = 10; done < Number(thousands); done += 10) await ask(10)
await report(`10,000 behind ${Number(thousands)},000`, 10)
await sql.end()

async function report(name, count) {
  process.stdout.write(`${name.padEnd(24)} ${(await ask(count)).toFixed(1)} µs of CPU each\n`)
}

/** Of the cheapest thousand. */
async function ask(count) {
  let cheapest = Number.POSITIVE_INFINITY
  for (let i = 0; i < count; i++) {
    const before = process.cpuUsage()
    let left = 1000
    const one = async () => {
      while (left-- > 0) await sql`select 1`
    }
    await Promise.all(Array.from({ length: Number(atOnce) }, one))
    const { user, system } = process.cpuUsage(before)
    cheapest = Math.min(cheapest, (user + system) / 1000)
  }
  return cheapest
}
