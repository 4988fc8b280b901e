import { existsSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import type { Externals } from '../../src/app.ts'
import { demoFilms } from '../../src/embedded/demo.ts'
import { firstAdmin, type TestApp, testApp } from './app.ts'

// The first is Chromium without its windows, at two thirds of the processor.
const paths = ['chromium-headless-shell', 'chromium', 'chromium-browser', 'google-chrome'].map(
  (name) => `/usr/bin/${name}`,
)

export async function openBrowser(): Promise<Browser> {
  const executablePath = paths.find((path) => existsSync(path))
  if (!executablePath) throw new Error('Chromium is needed for this test: apt-get install chromium-headless-shell')
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'] })
}

/** The window of most tests. */
export const desktop = { width: 1366, height: 900 }

export interface Site extends TestApp {
  url: string
}

/** The service on a port, for a browser. */
export async function openSite(env: Record<string, string> = {}, externals: Partial<Externals> = {}): Promise<Site> {
  const service = await testApp(env, { firstAdmin, demoCatalogue: await demoFilms(), ...externals })
  await service.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = service.app.server.address() as AddressInfo
  return { ...service, url: `http://localhost:${port}` }
}

/** What a browser complains about: errors of the console and of scripts, and breaks of the policy. */
export interface Complaints {
  all: string[]
  /** Statuses that a test brings about, which the console shows as errors. */
  expected: Set<number>
}

async function openContext(browser: Browser, site: Site, options: BrowserContextOptions = {}) {
  const context = await browser.newContext({ baseURL: site.url, locale: 'en-GB', ...options })
  context.setDefaultTimeout(60_000)
  const complaints: Complaints = { all: [], expected: new Set() }
  await context.exposeBinding('complain', (_source, text: string) => complaints.all.push(text))
  await context.addInitScript({
    content: `document.addEventListener('securitypolicyviolation', (event) =>
      complain('policy: ' + event.violatedDirective + ' ' + event.blockedURI))`,
  })
  context.on('page', (page) => listen(page, complaints))
  return { context, complaints }
}

function listen(page: Page, { all, expected }: Complaints): void {
  page.on('pageerror', (error) => all.push(`script: ${error.message}`))
  page.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return
    const [, status] = /status of (\d{3})/.exec(message.text()) ?? []
    const isOffline = message.text().includes('net::ERR') && expected.has(0)
    if (!isOffline && !(status && expected.has(Number(status)))) all.push(`console: ${message.text()} at ${page.url()}`)
  })
}

async function logInAs(context: BrowserContext, login: string, password: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto('/app/login')
  await page.fill('[name=login]', login)
  await page.fill('[name=password]', password)
  await page.click('form.form button.primary')
  await page.waitForURL((url) => url.pathname === '/')
  await page.waitForSelector('.top nav a[href="/app/account"]')
  return page
}

/** When nothing is loaded any more. */
export async function settle(page: Page): Promise<void> {
  await page.waitForSelector('main h1')
  await page.waitForLoadState('networkidle')
  await page.locator('.loading, .row .poster.blank').first().waitFor({ state: 'detached' })
}

export const silent = ({ all }: Complaints) => expect(all).toEqual([])

/** A browser for the tests of a file, from its first one on. What a test opens is closed behind it. */
export function useBrowser() {
  let browser: Browser
  const contexts: BrowserContext[] = []
  beforeAll(async () => {
    browser = await openBrowser()
  })
  afterEach(async () => {
    for (const context of contexts.splice(0)) await context.close()
  })
  afterAll(() => browser.close())

  async function open(site: Site, options: BrowserContextOptions = {}) {
    const opened = await openContext(browser, site, options)
    contexts.push(opened.context)
    return opened
  }
  return {
    open,
    async openAs(site: Site, login: string, password: string, options: BrowserContextOptions = {}) {
      const opened = await open(site, options)
      return { ...opened, page: await logInAs(opened.context, login, password) }
    },
  }
}

/** Presses the retry beside an error until `selector` is there, as often as a person would: each retry gives up the one before it. */
export async function retryUntilShown(page: Page, selector: string): Promise<void> {
  const shown = async () => {
    const again = page.locator('.notice.error button').first()
    if (await again.isVisible()) await again.click()
    return page.locator(selector).count()
  }
  await expect.poll(shown, { interval: 2000 }).toBe(1)
}
