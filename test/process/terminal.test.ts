import { spawn } from 'node:child_process'
import { afterEach, describe, expect, test } from 'vitest'
import { banner } from '../../src/terminal.ts'
import { cleanUp, freshFolder, repository, serverPids } from '../support/process.ts'

// A first start on a busy machine.
const patient = { timeout: 90_000 }
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) close()
  await cleanUp()
})

/** A command in a terminal of its own, of which `type` is the keyboard. */
function terminal(command: string, env: Record<string, string>) {
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: repository,
    env: { PATH: process.env.PATH, SHELL: '/bin/sh', NO_COLOR: '1', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  closers.push(() => child.kill('SIGKILL'))
  let shown = ''
  child.stdout.on('data', (chunk) => {
    shown += chunk
  })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  return {
    shown: () => shown.replaceAll('\r', ''),
    type: (text: string) => child.stdin.write(text),
    ended: () => ended,
  }
}

// Elsewhere `script` takes other arguments.
describe.runIf(process.platform === 'linux')('In a terminal', () => {
  test('the service ends its start with what is where, and one Ctrl-C is one, though npm passes it on', {
    tags: 'slow',
    timeout: 120_000,
  }, async () => {
    const DATA_DIR = await freshFolder()
    // npm too gets the Ctrl-C of the terminal, and sends it on.
    const npm = { HOME: await freshFolder(), npm_config_update_notifier: 'false' }
    const screen = terminal('exec npm start', { DATA_DIR, PORT: '0', ...npm })
    await expect.poll(screen.shown, patient).toContain('Ctrl-C stops')
    const block = screen.shown().slice(screen.shown().indexOf('Kinoteka is ready'))
    expect(block).toMatch(/^ {2}address +http:\/\/127\.0\.0\.1:\d+$/m)
    expect(block).toMatch(/^ {2}documentation +http:\/\/127\.0\.0\.1:\d+\/docs$/m)
    expect(block).toMatch(/^ {2}administrator +login admin, password [\w-]{16,} \(shown only now\)$/m)
    expect(block).toMatch(/^ {2}database +embedded PostgreSQL in \/.*; DATABASE_URL: one of your own$/m)
    expect(block).toMatch(/^ {2}Kinopoisk +a small built-in copy; KINOPOISK_API_KEY: the real one$/m)
    expect(screen.shown()).toMatch(/^\d\d:\d\d:\d\d WARN SANDBOX: /m)

    const [, address] = /address +(\S+)/.exec(block) ?? []
    expect((await fetch(`${address}/genres`)).status).toBe(401)
    await expect.poll(screen.shown, patient).toMatch(/^\d\d:\d\d:\d\d GET \/genres 401 \d+ ms missing_token$/m)

    screen.type('\x03')
    expect(await screen.ended()).toBe(0)
    expect(screen.shown()).toMatch(/^Stopping: .*\nStopped\.\n/m)
    expect(serverPids(DATA_DIR)).toEqual([])
  })
})

test('What does not apply is left out of the block', () => {
  const rows = { address: 'http://x', database: false as const, administrator: undefined }
  expect(banner('Ready', rows).match(/address|database|administrator/g)).toEqual(['address'])
})
