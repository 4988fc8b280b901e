import { appendFile, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { cleanUp, freePort, freshFolder, repository, runNode, serverPids } from '../support/process.ts'

afterEach(cleanUp)

// Starts on a busy machine.
const patient = { timeout: 60_000 }

async function project(): Promise<string> {
  const root = join(await freshFolder(), 'my project')
  await mkdir(root)
  for (const part of ['package.json', 'src', 'drizzle', 'tools'])
    await cp(join(repository, part), join(root, part), { recursive: true })
  await symlink(join(repository, 'node_modules'), join(root, 'node_modules'))
  return root
}

test('npm run dev is npm start, started again after every save, over one database', {
  tags: 'slow',
  timeout: 300_000,
}, async () => {
  const cwd = await project()
  const file = join(cwd, 'src/errors.ts')
  const address = `http://127.0.0.1:${await freePort()}`
  const env = { PORT: address.split(':').at(-1) }
  const dev = runNode(['tools/dev.ts'], { cwd, env })
  const starts = () => dev.stdout().match(/documentation at/g)?.length ?? 0
  await expect.poll(starts, patient).toBe(1)
  const [, password] = /"password":"([^"]+)","msg":"First administrator/.exec(dev.stdout()) ?? []
  expect(dev.stdout()).toMatch(/SANDBOX: .*\n|a demo catalogue of 100 films was made/)
  const body = new URLSearchParams({ login: 'admin', password: password ?? '' })
  const login = await fetch(`${address}/login`, { method: 'POST', body })
  const { access_token } = (await login.json()) as { access_token: string }
  const headers = { authorization: `Bearer ${access_token}` }
  const [database] = serverPids(join(cwd, '.data'))
  expect(database).toBeGreaterThan(0)

  await writeFile(file, (await readFile(file, 'utf8')).replace('No such movie', 'No movie like that'))
  await expect.poll(starts, patient).toBe(2)
  expect(await (await fetch(`${address}/problems/movie_not_found`)).json()).toMatchObject({
    title: 'No movie like that',
  })
  // The same secret and the same accounts.
  expect((await fetch(`${address}/user`, { headers })).status).toBe(200)
  expect(serverPids(join(cwd, '.data'))[0]).toBe(database)

  const good = await readFile(file, 'utf8')
  await appendFile(file, '\nconst = 1\n')
  await expect.poll(dev.stderr, patient).toMatch(/SyntaxError.*It is started again after the next save\.\n$/s)
  // Also between two starts nobody else gets the folder.
  const second = runNode(['src/server.ts'], { cwd: repository, env: { PORT: '0', DATA_DIR: join(cwd, '.data') } })
  expect(await second.ended()).toBe(1)
  expect(second.stderr()).toMatch(/^Another service is running on DATA_DIR /)
  await writeFile(file, good)
  await expect.poll(starts, patient).toBe(3)
  expect((await fetch(`${address}/readyz`)).status).toBe(200)

  await writeFile(join(cwd, '.env'), 'LOG_LEVEL=nonsense\n')
  await expect.poll(dev.stderr, patient).toMatch(/LOG_LEVEL must be one of/)

  dev.child.kill('SIGTERM')
  expect(await dev.ended()).toBe(0)
  expect(serverPids(join(cwd, '.data'))).toEqual([])
  expect(dev.stdout().match(/First administrator/g)).toHaveLength(1)
})

test('A signal ends the service under npm run dev, and then the database', { tags: 'slow', ...patient }, async () => {
  const cwd = await project()
  const dev = runNode(['tools/dev.ts'], { cwd, env: { PORT: '0' } })
  const address = await dev.printed(/documentation at (http:\/\/[^"]+)\/docs"/)
  expect((await fetch(`${address}/readyz`)).status).toBe(200)
  dev.child.kill('SIGINT')
  expect(await dev.ended()).toBe(0)
  expect(dev.stderr()).toBe('')
  await expect(fetch(`${address}/readyz`)).rejects.toThrow()
  expect(serverPids(join(cwd, '.data'))).toEqual([])
})

test('npm run dev says in one line why it cannot start', { tags: 'slow' }, async () => {
  const cwd = await project()
  const dev = runNode(['tools/dev.ts'], { cwd, env: { DATA_DIR: join(cwd, 'package.json') } })
  expect(await dev.ended()).toBe(1)
  expect(dev.stderr()).toMatch(/^DATA_DIR .* cannot be used: it is a file .*\n$/)
})
