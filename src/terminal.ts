import { styleText } from 'node:util'
import type { DestinationStream } from 'pino'

type Paint = (text: string) => string

const paint =
  (style: Parameters<typeof styleText>[0]): Paint =>
  (text) =>
    text && styleText(style, text)
const gray = paint('gray')
const levels: Record<number, [string, Paint]> = {
  10: ['TRACE ', gray],
  20: ['DEBUG ', gray],
  40: ['WARN ', paint('yellow')],
  50: ['ERROR ', paint('red')],
  60: ['FATAL ', paint('red')],
}

/** Lines of the log for people: `12:03:11 GET /films 200 4 ms`. */
export function forPeople(out: NodeJS.WritableStream): DestinationStream {
  return { write: (line) => void out.write(`${readable(JSON.parse(line))}\n`) }
}

function readable({ time, level, msg, pid: _pid, hostname: _hostname, err, ...rest }: Record<string, unknown>): string {
  const [label, painted] = levels[Number(level)] ?? ['', String]
  const start = `${gray(new Date(String(time)).toTimeString().slice(0, 8))} ${painted(label)}`
  if (msg === 'request') return start + requestLine(rest)
  const fields = Object.entries(rest).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`)
  const { stack, message } = (err ?? {}) as { stack?: string; message?: string }
  const trace = err ? `\n${stack ?? message}`.replaceAll('\n', '\n    ') : ''
  return start + painted(harmless(String(msg))) + gray(harmless(fields.join('') + trace))
}

function requestLine({ method, route, status, duration_ms, code, aborted }: Record<string, unknown>): string {
  const painted = paint(Number(status) >= 500 ? 'red' : Number(status) >= 400 ? 'yellow' : 'green')
  const end = [code, aborted && 'the client went away'].filter(Boolean).map((word) => ` ${word}`)
  return `${method} ${route} ${painted(String(status))} ${gray(`${Math.round(Number(duration_ms))} ms${end.join('')}`)}`
}

/** Without the control characters by which a text could steer the terminal. */
function harmless(text: string): string {
  return text.replace(/(?!\n)\p{Cc}/gu, '')
}

/** The last that the start says in a terminal: what is where, and what comes next. */
export function banner(title: string, rows: Record<string, string | false | undefined>): string {
  const lines = Object.entries(rows).flatMap(([name, text]) => (text ? [`  ${gray(name.padEnd(15))}${text}`] : []))
  return `\n  ${styleText('bold', title)}\n\n${lines.join('\n')}\n\n`
}

export const highlighted = paint(['bold', 'yellow'])

const barWidth = 24

/** A bar in a terminal, which is gone when all is done; nothing anywhere else. */
export function progressBar(
  out: { isTTY?: boolean | undefined; write(text: string): unknown },
  label: string,
): (done: number, total: number) => void {
  return (done, total) => {
    if (!out.isTTY) return
    const full = Math.round((done / total) * barWidth)
    const bar = '█'.repeat(full) + gray('░'.repeat(barWidth - full))
    out.write(done < total ? `\r${label} ${bar} ${done} of ${total}\x1b[K` : '\r\x1b[K')
  }
}
