import { dictionary } from '@zxcvbn-ts/language-common'
import type { CountryCode } from 'libphonenumber-js/max'
import { AppError } from '../../errors.ts'
import { isSameLogin } from './logins.ts'

/** In lower case. A look-up is 0.1 ms; a set of them took 110 ms of each start. */
const common = dictionary['passwords-common']
const serviceNames = ['kinoteka', 'kinopoisk', 'кинотека', 'кинопоиск']

/** A password, and where it stands in the request, e.g. `body.password`. */
export interface GivenPassword {
  path: string
  value: string
}

/** Refuses what would be guessed first; the length is the schema's (8…128). @throws {AppError} weak_password */
export function refuseWeak({ path, value }: GivenPassword, login: string, region: CountryCode): void {
  const lower = value.normalize('NFKC').toLowerCase()
  const [name = ''] = login.split('@', 1)
  const isLogin = lower === name || isSameLogin(value, login, region)
  const reason =
    (value.trim() === '' && 'is nothing but spaces') ||
    (common.includes(lower) && 'is one of the most common ones') ||
    ((isLogin || isMadeOf(lower, wordsOf(name)) || hasNumberOf(lower, name)) && 'is made of the login') ||
    (isMadeOf(lower, [...wordsOf(name), ...serviceNames]) && "is made of the service's name")
  if (!reason) return
  const message = `${reason}: choose another`
  throw new AppError('weak_password', {
    detail: `The password ${message}`,
    errors: [{ path, message }],
  })
}

/** The words of a login, and all its letters in a row. Two letters are in any password. */
function wordsOf(name: string): string[] {
  return [lettersOf(name), ...name.split(/[^\p{L}]+/u)].filter((word) => word.length >= 3)
}

/** True when the words are all the letters that a password has. */
function isMadeOf(password: string, words: string[]): boolean {
  const letters = lettersOf(password)
  const longestFirst = words.toSorted((a, b) => b.length - a.length)
  return letters !== '' && longestFirst.reduce((rest, word) => rest.replaceAll(word, ''), letters) === ''
}

/** True for a password without letters that holds the last 7 digits of a login: a phone with or without its country. */
function hasNumberOf(password: string, name: string): boolean {
  const [digits, number] = [digitsOf(password), digitsOf(name).slice(-7)]
  return lettersOf(password) === '' && number.length === 7 && digits.includes(number)
}

function lettersOf(text: string): string {
  return text.replace(/[^\p{L}]/gu, '')
}

function digitsOf(text: string): string {
  return text.replace(/\D/g, '')
}
