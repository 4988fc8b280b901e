import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, type TestApp, testApp, testUser } from './support/app.ts'

let service: TestApp
let base: string
let key: string

beforeAll(async () => {
  service = await testApp()
  base = await service.app.listen()
  const send = as(service.app, await testUser(service.app))
  const made = await send({ method: 'POST', url: '/user/keys', payload: { name: 'Recipes', scopes: ['read'] } })
  key = made.json().key
})
afterAll(() => service.close())

describe('The recipe of', () => {
  test('a nightly export keeps the files of the day, and asks for the catalogue only once', {
    tags: 'slow',
  }, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'export-'))
    const env = { ...process.env, BASE: base, KEY: key, TO: folder }
    const run = () => promisify(execFile)('sh', ['docs/recipes/nightly-export.sh'], { env })
    await run()
    const files = await readdir(folder)
    expect(files.map((name) => name.replace(/\d{4}-\d\d-\d\d/, 'DAY')).toSorted()).toEqual([
      'films-DAY.csv',
      'films.etag',
      'lists-DAY.csv',
    ])
    const films = join(folder, files.find((name) => name.startsWith('films-')) ?? '')
    expect(await readFile(films, 'utf8')).toMatch(/^\ufeffid,name,/)
    await rm(films)
    await run()
    expect((await readdir(folder)).filter((name) => name.startsWith('films-'))).toEqual([])
    await rm(folder, { recursive: true })
  })

  test('a Telegram bot answers with what it finds', { tags: 'slow' }, async () => {
    const sent: { chat_id: number; text: string }[] = []
    const updates = [{ update_id: 7, message: { chat: { id: 42 }, text: 'матрица' } }]
    const telegram = createServer(async (request, response) => {
      const body = await json(request)
      if (request.url === '/botTOKEN/sendMessage') sent.push(body as (typeof sent)[number])
      response.setHeader('content-type', 'application/json')
      const result = request.url === '/botTOKEN/getUpdates' ? updates.splice(0) : {}
      response.end(JSON.stringify({ ok: true, result }))
    }).listen(0, '127.0.0.1')
    await once(telegram, 'listening')
    const { port } = telegram.address() as AddressInfo
    const env = {
      ...process.env,
      BOT_TOKEN: 'TOKEN',
      KINOTEKA_KEY: key,
      KINOTEKA: base,
      TELEGRAM: `http://127.0.0.1:${port}`,
    }
    const bot = spawn(process.execPath, ['docs/recipes/telegram-bot.mjs'], { env, stdio: 'inherit' })
    await expect.poll(() => sent.length).toBe(1)
    expect(sent[0]).toMatchObject({ chat_id: 42, text: expect.stringContaining('Матрица (1999)') })
    bot.kill()
    expect(await once(bot, 'exit')).toEqual([0, null])
    telegram.closeAllConnections()
    telegram.close()
  })
})
