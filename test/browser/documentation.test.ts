import type { FastifyInstance } from 'fastify'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { testApp } from '../support/app.ts'
import { openBrowser } from '../support/browser.ts'

const password = 'correct horse battery staple'
const phone = { width: 375, height: 812 }

describe('/docs in Chromium', () => {
  let browser: Browser
  const closers: (() => Promise<unknown>)[] = []

  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterAll(() => browser.close())
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close()
  })

  interface Opened {
    app: FastifyInstance
    page: Page
    address: string
    /** What the console said that is no plain information, and what has failed. */
    faults: string[]
    /** `METHOD path status`, and the token that was sent. */
    calls: { line: string; token: string }[]
  }

  async function open(env: Record<string, string> = {}, viewport = { width: 1280, height: 900 }): Promise<Opened> {
    const service = await testApp(env)
    closers.push(service.close)
    const address = await service.app.listen({ port: 0, host: '127.0.0.1' })
    const context = await browser.newContext({ viewport, isMobile: viewport.width < 500, hasTouch: true })
    closers.push(() => context.close())
    const page = await context.newPage()
    const faults: string[] = []
    const calls: Opened['calls'] = []
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) faults.push(message.text())
    })
    page.on('pageerror', (error) => faults.push(error.message))
    page.on('response', (response) => {
      const request = response.request()
      const { pathname } = new URL(response.url())
      const token = request.headers().authorization?.replace('Bearer ', '') ?? ''
      calls.push({ line: `${request.method()} ${pathname} ${response.status()}`, token })
    })
    await page.goto(`${address}/docs`)
    await page.waitForSelector('.opblock-tag')
    return { app: service.app, page, address, faults, calls }
  }

  async function logIn(page: Page, button: 'Register' | 'Log in', login: string): Promise<void> {
    await page.fill('.steps input[name=login]', login)
    await page.fill('.steps input[name=password]', password)
    await page.click(`.steps button:text-is("${button}")`)
  }

  async function execute(page: Page, operation: string): Promise<string> {
    const block = page.locator(`[id$="-${operation}"].opblock`)
    if ((await block.getAttribute('class'))?.includes('is-open') !== true)
      await block.locator('.opblock-summary').click()
    await block.locator('.btn.execute').click()
    const status = block.locator('.live-responses-table tbody .response-col_status').first()
    await status.waitFor()
    return (await status.innerText()).trim().slice(0, 3)
  }

  /** By how much it is wider than the screen, which makes it scroll to the side. */
  const overflow = (page: Page) =>
    page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth')

  /** All that the page has left in the browser. */
  const stored = (page: Page) =>
    page.evaluate<object>(`(async () => ({
      local: Object.entries(localStorage),
      session: Object.entries(sessionStorage),
      cookies: document.cookie,
      databases: (await indexedDB.databases()).length,
    }))()`)

  test('a phone shows all of it without scrolling to the side, also what is opened', { timeout: 300_000 }, async () => {
    const { page, faults } = await open({}, phone)
    expect(await page.evaluate('window.innerWidth')).toBe(phone.width)
    expect(await overflow(page)).toBe(0)
    expect(
      await page
        .locator('.steps button')
        .first()
        .evaluate((button) => button.clientHeight),
    ).toBeGreaterThan(35)
    await logIn(page, 'Register', 'ann')
    await page.waitForSelector('.logged-in')
    for (const operation of ['getMovie', 'createFilm']) {
      const block = page.locator(`[id$="-${operation}"].opblock`)
      await block.locator('.opblock-summary').click()
      await block.locator('.opblock-body .responses-wrapper').waitFor()
      expect(await overflow(page), operation).toBe(0)
    }
    expect(await execute(page, 'listGenres')).toBe('200')
    await page.locator('.btn.authorize').click()
    await page.waitForSelector('.modal-ux')
    expect(await overflow(page)).toBe(0)
    expect(faults).toEqual([])
  })

  test('renews the token before it ends, for all requests at once', async () => {
    // Within the ten seconds before the end that it is renewed in: with each request.
    const { page, faults, calls } = await open({ ACCESS_TTL: '5s' })
    await logIn(page, 'Register', 'ann')
    await page.waitForSelector('.logged-in')
    for (let i = 0; i < 2; i++) expect(await execute(page, 'getProfile')).toBe('200')
    await expect.poll(() => calls.filter(({ line }) => line === 'GET /user 200').length).toBe(2)
    expect(calls.filter(({ line }) => line === 'PUT /auth/login 200')).toHaveLength(2)
    const tokens = calls.flatMap(({ line, token }) => (line.startsWith('GET /user ') ? [token] : []))
    expect(new Set(tokens).size).toBe(2)
    expect(await stored(page)).toMatchObject({ local: [], session: [] })
    expect(faults).toEqual([])
  })

  describe('a desktop, on one page, where each goes on after the one before', () => {
    let opened: Opened
    const closeAtEnd: typeof closers = []
    beforeAll(async () => {
      opened = await open()
      // Not after the first test.
      closeAtEnd.push(...closers.splice(0))
    })
    afterEach(() => {
      opened.faults.length = 0
      opened.calls.length = 0
    })
    afterAll(async () => {
      for (const close of closeAtEnd.toReversed()) await close()
    })

    test('has our name and icon, the first steps first, and no error in the console', async () => {
      const { page, faults, calls } = opened
      expect(await page.title()).toBe('Kinoteka: the API')
      expect(await page.innerText('h1')).toBe('Kinoteka')
      expect(await page.evaluate('document.querySelector(".steps img").naturalWidth')).toBe(32)
      expect(await page.content()).not.toMatch(/smartbear|topbar-wrapper/i)
      const steps = await page.locator('.steps').boundingBox()
      const reference = await page.locator('#swagger-ui').boundingBox()
      expect(steps?.y).toBeLessThan(reference?.y ?? 0)
      expect(await page.locator('.steps li').allInnerTexts()).toEqual([
        expect.stringMatching(/^Register with/),
        expect.stringMatching(/^Open an operation/),
        expect.stringMatching(/personal key/),
      ])
      expect(faults).toEqual([])
      expect(calls.filter(({ line }) => !/ (200|304)$/.test(line))).toEqual([])
    })

    test('says what is wrong with a log-in', async () => {
      const { page } = opened
      await logIn(page, 'Log in', 'nobody_here')
      await expect.poll(() => page.innerText('.steps [role=status]')).toMatch(/login|password/i)
      expect(await page.locator('.logged-in').count()).toBe(0)
    })

    test('takes a log-in by the operation itself for one', async () => {
      const { page, app, faults } = opened
      await app.inject({ method: 'POST', url: '/register', payload: { login: 'ann@example.org', password } })
      const block = page.locator('[id$="-login"].opblock')
      await block.locator('.opblock-summary').click()
      const body = block.locator('textarea.body-param__text')
      await body.fill(JSON.stringify({ login: 'ann@example.org', password }))
      await block.locator('.btn.execute').click()
      await page.waitForSelector('.logged-in')
      expect(await execute(page, 'getProfile')).toBe('200')
      expect(await stored(page)).toEqual({ local: [], session: [], cookies: '', databases: 0 })
      expect(faults).toEqual([])
    })

    test('says so when the session has been ended elsewhere', async () => {
      const { page, calls, address } = opened
      expect(await execute(page, 'getProfile')).toBe('200')
      const token = calls.find(({ line }) => line === 'GET /user 200')?.token
      await fetch(`${address}/logout`, { method: 'POST', headers: { authorization: `Bearer ${token}` } })
      await execute(page, 'getProfile')
      await expect.poll(() => page.innerText('.steps [role=status]')).toBe('The session has ended. Log in again.')
    })

    test('registers and logs in, sends the token by itself, and leaves nothing in the browser', async () => {
      const { page, faults, calls } = opened
      await logIn(page, 'Register', 'ann')
      await page.waitForSelector('.logged-in')
      expect(await page.innerText('.steps [role=status]')).toMatch(/^Logged in as ann\./)
      expect(await page.inputValue('.steps input[name=password]')).toBe('')
      expect(await execute(page, 'getProfile')).toBe('200')
      expect(calls.map(({ line }) => line)).toContain('GET /user 200')
      expect(await stored(page)).toEqual({ local: [], session: [], cookies: '', databases: 0 })
      await page.reload()
      await page.waitForSelector('.opblock-tag')
      expect(await page.innerText('.steps [role=status]')).toBe('Not logged in.')
      expect(faults).toEqual([])
    })
  })
})
