import type { BrowserContextOptions } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { as, endBlock, firstAdmin, password, testAdmin, testUser } from '../support/app.ts'
import { desktop, openSite, retryUntilShown, type Site, settle, silent, useBrowser } from '../support/browser.ts'
import { cloneDatabase } from '../support/databases.ts'
import { outageOf } from '../support/outage.ts'

let site: Site

beforeAll(async () => {
  site = await openSite()
})
afterEach(() => site.sandbox.fail(null))
afterAll(() => site.close())
const browser = useBrowser()

const open = (options?: BrowserContextOptions) => browser.open(site, options)

async function asUser(options?: BrowserContextOptions) {
  const user = await testUser(site.app)
  return { user, ...(await browser.openAs(site, user.login, password, options)) }
}

const watchShifts = `globalThis.shift = 0
new PerformanceObserver((list) => {
  for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) globalThis.shift += value
}).observe({ type: 'layout-shift', buffered: true })`

describe('The first load', () => {
  test('is 90 kB and 25 requests at most, without pictures, and nothing moves', async () => {
    const { context } = await asUser({ viewport: desktop })
    const page = await context.newPage()
    await page.addInitScript({ content: watchShifts })
    const cdp = await context.newCDPSession(page)
    await cdp.send('Network.enable')
    await cdp.send('Network.setCacheDisabled', { cacheDisabled: true })
    const requests: string[] = []
    const pictures = new Set<string>()
    let bytes = 0
    cdp.on('Network.responseReceived', ({ requestId, response, type }) => {
      if (type !== 'Image' || response.url.endsWith('.svg')) requests.push(response.url)
      else pictures.add(requestId)
    })
    cdp.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
      if (!pictures.has(requestId)) bytes += encodedDataLength
    })
    await page.goto('/')
    await settle(page)
    expect(requests.length, requests.join('\n')).toBeLessThanOrEqual(25)
    expect(bytes).toBeLessThan(90_000)
    expect(await page.evaluate('shift')).toBeLessThan(0.02)
  })
})

describe('A person', () => {
  test('registers, finds a film and keeps it by the keyboard alone', async () => {
    const { context, complaints } = await open({ viewport: desktop })
    const page = await context.newPage()
    await page.goto('/app/register')
    await page.waitForSelector('[name=login]')
    await page.locator('[name=login]').focus()
    const login = `web${Date.now().toString(36)}`
    await page.keyboard.type(login)
    await page.keyboard.press('Tab')
    await page.keyboard.type('tall mountain river 7')
    await page.keyboard.press('Enter')
    await page.waitForSelector('.card a')
    await page.keyboard.press('/')
    await page.keyboard.type('матри')
    await page.waitForSelector('[role=option]')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/app/film/*')
    await page.waitForSelector('.own-state')
    await page.locator('.toggle').first().focus()
    await page.keyboard.press('Space')
    await page.waitForSelector('.toggle[aria-pressed=true]:enabled')
    await page.locator('.score input').first().focus()
    const stored = page.waitForResponse('**/rating')
    await page.keyboard.press('8')
    await page.waitForSelector('.score legend strong')
    await stored
    await page.goto('/app/mine/ratings')
    await page.waitForSelector('.badge.own')
    silent(complaints)
  })

  test('goes back and forth, and reloads, without losing the filters or the place', async () => {
    const { page, complaints } = await asUser({ viewport: desktop })
    await page.goto('/app/catalogue?sort=name')
    await settle(page)
    await page.evaluate('scrollTo(0, 1500)')
    await page.waitForTimeout(300)
    await page.locator('.card a').nth(12).click()
    await page.waitForURL('**/app/film/*')
    await page.goBack()
    await page.waitForURL('**/app/catalogue?sort=name')
    await expect.poll(() => page.evaluate<number>('Math.abs(scrollY - 1500)')).toBeLessThan(60)
    await page.goForward()
    await page.waitForURL('**/app/film/*')
    await page.reload()
    await page.waitForSelector('.film h1')
    silent(complaints)
  })

  test('scrolls through a long list that does not grow the page', async () => {
    const { page } = await asUser({ viewport: desktop })
    await page.goto('/app/catalogue')
    await settle(page)
    for (let i = 0; i < 12; i++) {
      await page.mouse.wheel(0, 2500)
      await page.waitForTimeout(150)
    }
    await page.waitForSelector('.end, .card')
    expect(await page.locator('.card').count()).toBeLessThan(260)
  })

  test('opens a film by an address that is pasted', async () => {
    const { page } = await asUser()
    await page.fill('.search input', 'https://www.kinopoisk.ru/film/301/')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/app/film/301')
  })

  test('is logged in in two tabs, which refresh at one moment, and leaves both at once', async () => {
    const { page, context, complaints } = await asUser()
    const other = await context.newPage()
    await Promise.all([page.reload(), other.goto('/app/mine/favorites')])
    await Promise.all([page, other].map((each) => each.waitForSelector('.top nav a[href="/app/account"]')))
    await page.goto('/app/account/security')
    await page.click('button.primary:has-text("Log out")')
    await other.waitForSelector('.top nav a[href="/app/login"]')
    silent(complaints)
  })

  test('is told that the session ended elsewhere', async () => {
    const { page, complaints, user } = await asUser()
    complaints.expected.add(401)
    await site.app.inject({ method: 'DELETE', url: '/auth/sessions', headers: user.headers })
    // Where a request was under way, it has been told already, and the link is gone.
    await page.click('.top nav a[href="/app/mine"]', { timeout: 3000 }).catch(() => undefined)
    await page.waitForSelector('.notice.warning:has-text("Your session ended elsewhere")')
    await page.waitForSelector('[name=password]')
    silent(complaints)
  })

  test('is offline for a while', async () => {
    const { page, context, complaints } = await asUser()
    complaints.expected.add(0)
    await settle(page)
    await context.setOffline(true)
    await page.waitForSelector('.notice:has-text("No connection")')
    await context.setOffline(false)
    await page.waitForSelector('.notice:has-text("No connection")', { state: 'detached' })
    await page.click('.top nav a[href="/app/catalogue"]')
    await page.waitForSelector('.card a')
    silent(complaints)
  })
})

describe('A file and a key', () => {
  test('a file is looked at before it is taken in', async () => {
    const { page, complaints, user } = await asUser({ viewport: desktop })
    const buffer = Buffer.from('Date,Name,Year,Letterboxd URI,Rating\n2024-01-02,The Matrix,1999,u1,4.5\n')
    const rated = async () => (await site.app.inject({ url: '/ratings', headers: user.headers })).json().length
    await page.goto('/app/mine/files')
    await page.setInputFiles('input[type=file]', { name: 'films.csv', mimeType: 'text/csv', buffer })
    await page.waitForSelector('h3:has-text("What would be done")')
    expect(await rated()).toBe(0)
    await page.click('.actions button.primary')
    await page.waitForSelector('h3:has-text("Imported")')
    expect(await rated()).toBe(1)
    silent(complaints)
  })

  test('a key is shown once', async () => {
    const { page, complaints } = await asUser({ viewport: desktop })
    await page.goto('/app/account/keys')
    await page.fill('[name=name]', 'of a script')
    await page.click('form.form button.primary')
    await page.waitForSelector('.notice code, .notice input')
    await page.reload()
    await page.waitForSelector('main :text("of a script")')
    expect(await page.locator('.notice code, .notice input').count()).toBe(0)
    silent(complaints)
  })
})

describe('When Kinopoisk', () => {
  test('is out, a search is of the films known here, and an unknown film says what to do', async () => {
    const { page, complaints } = await asUser()
    for (const status of [502, 503, 504]) complaints.expected.add(status)
    site.sandbox.fail(500)
    await page.goto('/app/search?query=зеленая')
    await page.waitForSelector('.source.warning:has-text("from our own films")')
    await page.goto('/app/film/5990001')
    await page.waitForSelector('.notice.error button')
    silent(complaints)
    site.sandbox.fail(null)
    await endBlock(site)
  })
})

describe('On a site of its own', () => {
  test('spent calls and a database that is gone for a while are said, with what to do', async () => {
    const outage = await outageOf(await cloneDatabase())
    const own = await openSite({}, { databaseUrl: outage.url })
    const { page, complaints } = await browser.openAs(own, firstAdmin.login, firstAdmin.password, { viewport: desktop })
    complaints.expected.add(503)
    own.sandbox.fail(402)
    await page.goto('/app/film/5990001')
    await page.waitForSelector('.notice.error:has-text("The Kinopoisk calls of today are spent")')
    await page.goto('/app/search?query=зеленая')
    await page.waitForSelector('.source.warning:has-text("from our own films")')

    await outage.cut()
    await page.click('.top nav a[href="/app/mine"]')
    await page.waitForSelector('.notice.error:has-text("The database does not answer")')
    await outage.restore()
    await retryUntilShown(page, '.empty')
    silent(complaints)
    await own.close()
    await outage.close()
  })
})

describe('Markup in names', () => {
  const attack = '<img src=x onerror="globalThis.hacked=1"><script>globalThis.hacked=1</script>'

  test('is shown as text, on every screen', async () => {
    const admin = as(site.app, await testAdmin(site))
    const director = (
      await admin({ method: 'POST', url: '/directors', payload: { name: `${attack} director` } })
    ).json()
    const payload = {
      name: `${attack} film`,
      genre: 'драма',
      director_id: director.id,
      rate: 10,
      year: 2031,
      minutes: 90,
      description: attack,
      trailer: 'https://films.example/',
    }
    const film = (await admin({ method: 'POST', url: '/films', payload })).json()
    expect(film.id).toBeGreaterThan(0)
    const { page, complaints } = await browser.openAs(site, firstAdmin.login, firstAdmin.password)
    for (const path of [
      '/',
      '/app/catalogue',
      `/app/film/${film.id}`,
      '/app/admin/films',
      '/app/admin/directors',
      `/app/search?query=${encodeURIComponent(attack)}`,
    ]) {
      await page.goto(path)
      await settle(page)
      expect([path, await page.evaluate(() => 'hacked' in globalThis)]).toEqual([path, false])
      expect([path, await page.locator('main script, main img[onerror]').count()]).toEqual([path, 0])
    }
    await page.goto(`/app/film/${film.id}`)
    await page.waitForSelector('.film h1:has-text("<script>")')
    silent(complaints)
  })

  test('in an address opens nothing', async () => {
    const { page, complaints } = await asUser()
    for (const status of [400, 404]) complaints.expected.add(status)
    await page.goto(`/app/film/${encodeURIComponent('javascript:alert(1)')}`)
    await page.waitForSelector('.notice.error')
    await page.goto(`/app/search?query=${encodeURIComponent('"><svg onload=alert(1)>')}`)
    await page.waitForSelector('h1')
    silent(complaints)
  })
})
