import { describe, expect, test } from 'vitest'
import { skeletonOf } from '../src/modules/auth/confusables.ts'
import { readLogin, readNewLogin } from '../src/modules/auth/logins.ts'

const forNew = (login: string) => readNewLogin({ login }, 'UA')
const forLogin = (login: string) => readLogin({ login }, 'UA')

describe('A new user name', () => {
  test.each([
    'admin',
    'ADMIN',
    'Аdmin',
    'аdmin',
    'ɑdmin',
    'admın',
    'admin.',
    '.admin',
    'ad-min',
    '_a_d_m_i_n_',
    'ádmin',
    'admìn',
    'adrnin',
    'adm1n',
    'admln',
    'аԁміո',
    'ａｄｍｉｎ',
    '𝐚𝐝𝐦𝐢𝐧',
    'r00t',
    'rооt',
    'rooТ',
    'suppоrt',
    'kinоteka',
    'Кinoteka',
    'кinoтeka',
    'кинотека',
    'админ',
    'aдмин',
    'administratоr',
    'mоderator',
    'sуstem',
    'ꜱecurity',
    'ꮪupport',
  ])('%s is refused: it looks like one of the service', (login) => {
    expect(() => forNew(login)).toThrow("body.login looks like the service's own: take another")
    expect(forLogin(login)).toBe(login.normalize('NFKC').toLowerCase())
  })

  test.each(['administrative', 'adminka', 'rooter', 'supporter', 'kinotekar', 'марина', 'роман', 'admin1', 'ann'])(
    '%s is fine',
    (login) => {
      expect(forNew(login)).toBe(login)
    },
  )

  test('e-mails and phones are not names', () => {
    expect(forNew('admin@example.org')).toBe('admin@example.org')
    expect(forNew('0501234567')).toBe('+380501234567')
  })
})

describe('What is stored as a login logs in', () => {
  test.each(['İstanbul', 'i\u0307stanbul', 'J\u030Cohn@example.org'])('%s is refused, as it would not', (login) => {
    expect(() => forNew(login)).toThrow(/^body\.login .*lower case/)
  })

  test.each([
    'ΣΊΣΥΦΟΣ',
    'Straße',
    'STRASSE',
    'Ǆemal',
    'K\u212Aelvin',
    'ﬁlmfan',
    'Ϋpsilon',
    'İ@example.org',
    '٠٥٠١٢٣٤٥٦٧',
    'ẞharp',
    'Ωmega\u2126',
  ])('%s does, in the form of its profile', (login) => {
    const stored = forNew(login)
    expect([forNew(stored), forLogin(stored), forLogin(login)]).toEqual([stored, stored, stored])
  })

  test('also for an account that had such a name before it was refused', () => {
    const stored = 'i\u0307stanbul'
    expect([forLogin('İstanbul'), forLogin(stored)]).toEqual([stored, stored])
  })

  test('every letter alone or with a mark: refused, or the same again', () => {
    const letters = Array.from({ length: 0x1_f000 }, (_, i) => i)
      .filter((code) => code < 0xd800 || code > 0xdfff)
      .map((code) => String.fromCodePoint(code))
      .filter((letter) => letter.toLowerCase() !== letter || letter.normalize('NFKC') !== letter)
    const unstable = letters
      .flatMap((letter) => [`ann${letter}`, `${letter}\u030C@example.org`])
      .filter((login) => {
        try {
          const stored = forNew(login)
          return forNew(stored) !== stored || forLogin(stored) !== stored
        } catch {
          return false
        }
      })
    expect(unstable).toEqual([])
  })
})

test('A skeleton is that of itself', () => {
  for (const name of ['admin', 'kinoteka', 'поддержка']) expect(skeletonOf(skeletonOf(name))).toBe(skeletonOf(name))
})
