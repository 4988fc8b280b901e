import { setTimeout as sleep } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { as, firstAdmin, password, testAdmin, testUser } from '../support/app.ts'
import { desktop, openSite, retryUntilShown, type Site, silent, useBrowser } from '../support/browser.ts'
import { cloneDatabase } from '../support/databases.ts'
import { outageOf } from '../support/outage.ts'

let site: Site
beforeAll(async () => {
  site = await openSite()
})
afterAll(() => site.close())
const browser = useBrowser()

const openAs = (login: string, given = password, at = site) => browser.openAs(at, login, given, { viewport: desktop })
const account = '.top nav a[href="/app/account"]'

describe('A form that is refused', () => {
  test('keeps all that was typed and chosen, and shows the values of the next film', async () => {
    const admin = as(site.app, await testAdmin(site))
    const create = async (url: string, payload: object) => (await admin({ method: 'POST', url, payload })).json().id
    const director = await create('/directors', { name: 'Лариса Шепитько' })
    const film = { genre: 'драма', director_id: director, rate: 7.5, year: 2001, minutes: 90 }
    const id = await create('/films', { ...film, name: 'Черновик первый', description: 'Сначала' })
    await create('/films', { ...film, name: 'Черновик второй', description: 'Иное' })

    const { page, complaints } = await openAs(firstAdmin.login, firstAdmin.password)
    complaints.expected.add(409)
    await page.goto(`/app/admin/films?q=${encodeURIComponent('Черновик')}`)
    const edit = (name: string) => page.getByRole('button', { name: `Edit ${name}` }).click()
    const form = page.locator('form', { has: page.locator('[name=description]') })
    const fieldValue = (name: string) => form.locator(`[name=${name}]`).inputValue()
    await page.waitForSelector('table')
    await page.fill('#films-q', 'typed')
    await edit('Черновик первый')
    await form.locator(`option[value="${director}"]`).waitFor({ state: 'attached' })
    expect([await fieldValue('rate'), await fieldValue('director_id')]).toEqual(['7.5', String(director)])
    const typed = { name: 'Черновик второй', year: '2002', description: 'Потом', original_name: 'Draft' }
    for (const [name, value] of Object.entries(typed)) await form.locator(`[name=${name}]`).fill(value)
    await form.locator('[name=director_id]').selectOption('')
    await form.locator('button.primary').click()
    await form.locator('.notice.error').waitFor()
    for (const [name, value] of Object.entries(typed)) expect([name, await fieldValue(name)]).toEqual([name, value])
    expect(await fieldValue('director_id')).toBe('')
    expect(await page.inputValue('#films-q')).toBe('typed')

    await form.locator('[name=name]').fill('Черновик третий')
    await form.locator('button.primary').click()
    await form.waitFor({ state: 'detached' })
    const saved = (await admin({ method: 'GET', url: `/films/${id}` })).json()
    expect(saved).toMatchObject({ name: 'Черновик третий', year: 2002, description: 'Потом' })
    await edit('Черновик второй')
    expect([await fieldValue('name'), await fieldValue('description')]).toEqual(['Черновик второй', 'Иное'])
    silent(complaints)
  })
})

describe('In one tab', () => {
  test('an account sees nothing of the lists of the one before', async () => {
    const [first, second] = [await testUser(site.app), await testUser(site.app)]
    await as(site.app, first)({ method: 'POST', url: '/favorites/movies/301' })
    const { page, complaints } = await openAs(first.login)
    await page.click('.top nav a[href="/app/mine"]')
    await page.waitForSelector('.endless .card a')

    await page.click(account)
    await page.click('a[href="/app/account/security"]')
    await page.click('button.primary:has-text("Log out")')
    await page.click('.top nav a[href="/app/login"]')
    await page.waitForURL('**/app/login')
    await page.fill('[name=login]', second.login)
    await page.fill('[name=password]', password)
    await page.click('form.form button.primary')
    await page.waitForSelector(account)
    await page.click('.top nav a[href="/app/mine"]')
    await page.waitForSelector('main .empty')
    expect(await page.locator('.endless .card').count()).toBe(0)
    silent(complaints)
  })
})

describe('A score', () => {
  const legend = (page: Page) => page.locator('.score legend strong').innerText()

  test('that is changed faster than it is saved is the last one chosen, and one that is refused goes back', async () => {
    const user = await testUser(site.app)
    const { page, complaints } = await openAs(user.login)
    const saved = async () => (await as(site.app, user)({ method: 'GET', url: '/films/301/rating' })).json().value
    // One route for all of it: while one is taken away and another set, a request could pass by both.
    let refuses = false
    await page.route('**/films/301/rating', async (route) => {
      if (refuses) return route.fulfill({ status: 503, json: { code: 'overloaded' } })
      await sleep(400)
      await route.continue()
    })
    await page.goto('/app/film/301')
    await page.locator('.score input').first().focus()
    for (const key of ['1', '0']) await page.keyboard.press(key)
    await page.waitForSelector('.toast:has-text("10")')
    expect([await saved(), await legend(page)]).toEqual([10, '10'])

    await page.keyboard.press('1')
    await expect.poll(saved).toBe(1)
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowRight')
    await page.waitForSelector('.toast:has-text("4")')
    expect([await saved(), await legend(page)]).toEqual([4, '4'])

    complaints.expected.add(503)
    refuses = true
    for (const key of ['7', '8']) await page.keyboard.press(key)
    await page.waitForSelector('.own-state .notice.error')
    await expect.poll(async () => [await saved(), await legend(page)]).toEqual([4, '4'])
    silent(complaints)
  })
})

describe('A database that is gone at the start', () => {
  test('is said, with a retry in place of the login, and the session goes on', async () => {
    const outage = await outageOf(await cloneDatabase())
    const own = await openSite({}, { databaseUrl: outage.url })
    const { page, complaints } = await openAs(firstAdmin.login, firstAdmin.password, own)
    complaints.expected.add(503)
    await page.goto('/app/mine/favorites')
    await page.waitForSelector('main .empty')
    await outage.cut()
    await page.reload()
    await page.waitForSelector('.notice.error:has-text("The database does not answer")')
    expect(await page.locator('[name=password]').count()).toBe(0)
    await outage.restore()
    await retryUntilShown(page, 'main .empty')
    await page.waitForSelector(account)
    silent(complaints)
    await own.close()
    await outage.close()
  })
})

describe('Without a clipboard, as over plain http', () => {
  test('a key is selected, to be copied by hand, and nothing is said to be copied', async () => {
    const { page, complaints } = await openAs((await testUser(site.app)).login)
    await page.addInitScript('Object.defineProperty(navigator, "clipboard", { value: undefined })')
    await page.goto('/app/account/keys')
    await page.fill('[name=name]', 'of a script')
    await page.click('form.form button.primary')
    const key = await page.locator('code.secret').innerText()
    await page.click('button:has-text("Copy")')
    await expect.poll(() => page.evaluate('String(getSelection())')).toBe(key)
    await page.waitForTimeout(200)
    expect(await page.locator('.toast:has-text("Copied")').count()).toBe(0)
    silent(complaints)
  })
})
