import { chmod, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { progressBar } from '../../src/terminal.ts'
import { cleanUp, freshFolder, type Program, repository, runProgram, serverPids } from '../support/process.ts'

afterEach(cleanUp)

const launcher = join(repository, 'tools/kinoteka')
const PATH = process.env.PATH ?? ''

async function run(
  args: string[],
  env: Record<string, string> = {},
  cwd?: string,
): Promise<Program & { code: unknown }> {
  const program = runProgram(launcher, args, { env: { PATH, NO_COLOR: '1', ...env }, ...(cwd && { cwd }) })
  return { ...program, code: await program.ended() }
}

/** A Node that is too old, as far as it says. */
async function oldNode(): Promise<string> {
  const path = join(await freshFolder(), 'node')
  await writeFile(path, '#!/bin/sh\necho 20.11.0\n')
  await chmod(path, 0o755)
  return path
}

/** As `npm install` of the package that `npm pack` makes leaves it, with the packages of this checkout beside it. */
async function install(folder: string): Promise<string> {
  const packed = runProgram('npm', ['pack', '--pack-destination', folder], { env: { PATH, HOME: folder } })
  if ((await packed.ended()) !== 0) throw new Error(packed.stderr())
  const modules = join(folder, 'node_modules')
  await mkdir(join(modules, 'kinoteka'), { recursive: true })
  const [name = ''] = (await readdir(folder)).filter((each) => each.endsWith('.tgz'))
  const args = ['-xzf', join(folder, name), '-C', join(modules, 'kinoteka'), '--strip-components=1']
  if ((await runProgram('tar', args, { env: { PATH } }).ended()) !== 0) throw new Error('tar has failed')
  for (const each of await readdir(join(repository, 'node_modules'))) {
    if (!each.startsWith('.')) await symlink(join(repository, 'node_modules', each), join(modules, each))
  }
  await mkdir(join(modules, '.bin'))
  await symlink('../kinoteka/tools/kinoteka', join(modules, '.bin/kinoteka'))
  return join(modules, '.bin/kinoteka')
}

describe('kinoteka', () => {
  test('says what there is, and which command may be meant', { tags: 'slow' }, async () => {
    const help = await run(['--help'])
    expect(help.code).toBe(0)
    for (const name of ['start', 'migrate', 'admin', 'doctor'])
      expect(help.stdout()).toMatch(new RegExp(`^ +${name} `, 'm'))
    const unknown = await run(['strat'])
    expect(unknown.code).toBe(1)
    expect(unknown.stderr()).toBe(
      "error: unknown command 'strat'\n(Did you mean start?)\nkinoteka --help says what there is.\n",
    )
    const option = await run(['doctor', '--jsn'])
    expect(option.code).toBe(1)
    expect(option.stderr()).toMatch(/^error: unknown option '--jsn'\n\(Did you mean --json\?\)\n/)
    expect((await run([])).code).toBe(1)
  })

  test('takes the .env of the folder that it is called in, also where the Node before it is too old', {
    tags: 'slow',
  }, async () => {
    const cwd = await freshFolder()
    await writeFile(join(cwd, '.env'), 'PORT=none\n')
    const checked = await run(['doctor'], { npm_node_execpath: await oldNode() }, cwd)
    expect(checked.stdout()).toMatch(/^failed {3}configuration {2}PORT must be/)
    const started = await run(['start'], {}, cwd)
    expect(started.code).toBe(1)
    expect(started.stderr()).toMatch(/The configuration is wrong:\n {2}- PORT must be/)
  })

  test('works where npm has installed it, and ends as the service does', { tags: 'slow' }, async () => {
    const folder = await freshFolder()
    const command = await install(folder)
    const DATA_DIR = join(folder, 'data')
    const env = { PATH, DATA_DIR, PORT: '0', DRAIN_DELAY: '0s' }
    const service = runProgram(command, ['start'], { cwd: folder, env })
    const address = await service.printed(/listening at (http:\/\/[^"]+)"/)
    expect((await fetch(`${address}/readyz`)).status).toBe(200)
    const checked = runProgram(command, ['doctor'], { cwd: folder, env: { ...env, NO_COLOR: '1' } })
    expect(await checked.ended()).toBe(0)
    expect(checked.stdout()).toMatch(/^ok +migrations +the schema is the newest$/m)
    expect(checked.stderr()).toBe('')
    service.child.kill('SIGTERM')
    expect(await service.ended()).toBe(0)
    expect(service.stderr()).toBe('')
    expect(serverPids(DATA_DIR)).toEqual([])
  })
})

test('Progress is a bar in a terminal, which is gone at the end, and nothing elsewhere', () => {
  const written: string[] = []
  const write = (text: string) => written.push(text)
  const show = progressBar({ isTTY: true, write }, 'Migrating')
  show(1, 4)
  show(4, 4)
  expect(written).toEqual([expect.stringMatching(/^\rMigrating █{6}.*1 of 4/), '\r\x1b[K'])
  progressBar({ write }, 'Migrating')(1, 4)
  expect(written).toHaveLength(2)
})
