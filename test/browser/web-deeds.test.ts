import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, firstAdmin, password, type TestUser, testAdmin, testUser } from '../support/app.ts'
import { desktop, openSite, type Site, silent, useBrowser } from '../support/browser.ts'
import { s3Environment, startS3 } from '../support/s3.ts'

let site: Site
let s3: Awaited<ReturnType<typeof startS3>>

beforeAll(async () => {
  s3 = await startS3()
  site = await openSite(s3Environment(s3.url))
})
afterAll(async () => {
  await site.close()
  await s3.close()
})

const browser = useBrowser()

const openAs = (login: string, given = password) =>
  browser.openAs(site, login, given, { viewport: desktop, acceptDownloads: true })
const kept = async (user: TestUser, url: string) => (await as(site.app, user)({ method: 'GET', url })).json()

describe('On the page', () => {
  test('an administrator gives a director a photo, which is seen though it lies in a bucket of another host', async () => {
    const { page, complaints } = await openAs(firstAdmin.login, firstAdmin.password)
    const name = 'Кира Муратова'
    const admin = as(site.app, await testAdmin(site))
    const { id } = (await admin({ method: 'POST', url: '/directors', payload: { name } })).json()
    await page.goto('/app/admin/directors')
    await page.fill('[name=q]', name)
    await page.keyboard.press('Enter')
    await page
      .locator('.people li', { hasText: name })
      .getByRole('button', { name: `Edit ${name}` })
      .click()
    const buffer = await sharp({ create: { width: 60, height: 60, channels: 3, background: 'teal' } })
      .png()
      .toBuffer()
    await page.setInputFiles('.people input[type=file]', { name: 'kira.png', mimeType: 'image/png', buffer })
    await page.waitForSelector('.people .photo img')
    expect(await page.evaluate('document.querySelector(".people .photo img").naturalWidth')).toBe(60)
    expect((await s3.keys()).filter((key) => key.startsWith('directors/'))).toHaveLength(1)
    expect((await admin({ method: 'GET', url: `/directors/${id}` })).json().photo_url).toBe(`/directors/${id}/photo`)
    silent(complaints)
  })

  test('a film is kept, scored, exported with all else, and the account is erased for good', async () => {
    const user = await testUser(site.app)
    const { page, complaints } = await openAs(user.login)
    await page.goto('/app/film/301')
    await page.locator('.toggle').first().click()
    // Shown at once, and enabled when it is stored.
    await page.waitForSelector('.toggle[aria-pressed=true]:enabled')
    expect(await kept(user, '/movies/favorites')).toHaveLength(1)

    await page.goto('/app/account/profile')
    const download = page.waitForEvent('download')
    await page.click('button:has-text("Export everything")')
    const file = JSON.parse(await readFile(await (await download).path(), 'utf8'))
    expect(file.profile.login).toBe(user.login)
    expect(JSON.stringify(file)).not.toContain(password)

    await page.click('summary:has-text("Everything is erased for good")')
    await page.fill('details [name=password]', password)
    await page.click('details button.danger')
    await page.waitForSelector('.top nav a[href="/app/login"]')
    const answer = await as(site.app, user)({ method: 'GET', url: '/user' })
    expect(answer.statusCode).toBe(401)
    silent(complaints)
  })

  test('a wrong password erases nothing, and is said beside its field', async () => {
    const user = await testUser(site.app)
    const { page, complaints } = await openAs(user.login)
    for (const status of [400, 401, 403]) complaints.expected.add(status)
    await page.goto('/app/account/profile')
    await page.click('summary:has-text("Everything is erased for good")')
    await page.fill('details [name=password]', 'not the password')
    await page.click('details button.danger')
    await page.waitForSelector('details .error, details [aria-invalid=true]')
    expect(await kept(user, '/user')).toMatchObject({ login: user.login })
    silent(complaints)
  })
})

describe('Over a slow network', () => {
  test('something is said while it loads, nothing moves, and a late answer does not take the place of a newer one', async () => {
    const user = await testUser(site.app)
    const { page, context, complaints } = await openAs(user.login)
    const cdp = await context.newCDPSession(page)
    await cdp.send('Network.enable')
    await cdp.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 600,
      downloadThroughput: 50_000,
      uploadThroughput: 20_000,
    })
    await page.click('.top nav a[href="/app/catalogue"]')
    await page.waitForSelector('.card .blank-text, .loading')
    await page.waitForSelector('.card a')
    await page.locator('.card a').first().click()
    await page.waitForURL('**/app/film/*')
    // Away before the film is there.
    await page.click('.top nav a[href="/app/mine"]')
    await page.waitForURL('**/app/mine*')
    await settledHeading(page, 'Favourites')
    await page.waitForTimeout(1500)
    await settledHeading(page, 'Favourites')
    silent(complaints)
  })
})

async function settledHeading(page: Page, text: string): Promise<void> {
  await expect.poll(() => page.locator('main h1').innerText()).toBe(text)
}
