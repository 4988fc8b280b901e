import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { firstAdmin } from '../support/app.ts'
import { desktop, openSite, type Site, settle, silent, useBrowser } from '../support/browser.ts'

let site: Site
beforeAll(async () => {
  site = await openSite()
})
afterAll(() => site.close())
const browser = useBrowser()

const phone = { width: 390, height: 844 }
const screens: Record<string, string> = {
  home: '/',
  search: '/app/search?query=матрица',
  catalogue: '/app/catalogue',
  film: '/app/film/301',
  person: '/app/person/90000001',
  favourites: '/app/mine/favorites',
  statistics: '/app/mine/statistics',
  files: '/app/mine/files',
  profile: '/app/account/profile',
  security: '/app/account/security',
  keys: '/app/account/keys',
  films: '/app/admin/films',
  genres: '/app/admin/genres',
  directors: '/app/admin/directors',
  users: '/app/admin/users',
  gateway: '/app/admin/gateway',
  nothing: '/app/nothing',
}

const isTooWide = (page: Page) => page.evaluate<boolean>('document.documentElement.scrollWidth > innerWidth')

interface Axe {
  run(options: object): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }>
}

async function violationsIn(page: Page): Promise<string[]> {
  // By the debugger: the page's own policy would not let it in.
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: Axe }).axe.run({ resultTypes: ['violations'] }),
  )
  return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)} ${nodes[0]?.failureSummary}`)
}

describe('Every screen', () => {
  test.each([
    ['phone', phone, 'dark', 'ru-RU'],
    ['desktop', desktop, 'light', 'uk-UA'],
    ['phone', phone, 'light', 'en-GB'],
  ] as const)(
    'is accessible, complains of nothing and fits, also 320 pixels and text of twice the size, on a %s of %o, %s, in %s',
    async (_name, viewport, colorScheme, locale) => {
      const { page, complaints } = await browser.openAs(site, firstAdmin.login, firstAdmin.password, {
        ...{ viewport, colorScheme, locale },
        reducedMotion: 'reduce',
      })
      const faults: string[] = []
      for (const [screen, path] of Object.entries(screens)) {
        await page.goto(path)
        await settle(page)
        // In both themes; which language it is changes nothing of that.
        if (locale !== 'uk-UA') faults.push(...(await violationsIn(page)).map((fault) => `${screen}: ${fault}`))
        if (await isTooWide(page)) faults.push(`${screen} is wider than the window`)
        await page.setViewportSize({ width: 3840, height: 2160 })
        if (await isTooWide(page)) faults.push(`${screen} is wider than 3840 pixels`)
        await page.setViewportSize({ width: 320, height: 640 })
        if (await isTooWide(page)) faults.push(`${screen} is wider than 320 pixels`)
        await page.setViewportSize({ width: 1280, height: 900 })
        await page.evaluate('document.documentElement.style.fontSize = "200%"')
        if (await isTooWide(page)) faults.push(`${screen} is wider than the window with text of twice the size`)
        await page.setViewportSize(viewport)
      }
      expect(faults).toEqual([])
      silent(complaints)
    },
    600_000,
  )

  test('of a person without a login is accessible too', async () => {
    const { context, complaints } = await browser.open(site, { viewport: phone, reducedMotion: 'reduce' })
    const page = await context.newPage()
    const faults: string[] = []
    for (const path of ['/app/login', '/app/register', '/app/reset', '/app/reset#token=some']) {
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        await page.goto(path)
        await settle(page)
        faults.push(...(await violationsIn(page)).map((fault) => `${path}: ${fault}`))
      }
    }
    expect(faults).toEqual([])
    silent(complaints)
  })
})
