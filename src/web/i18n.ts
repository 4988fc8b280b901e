import { createStore } from './html.ts'
import type { ApiError } from './http.ts'
import type { Words } from './words/en.ts'
import type { MoreWords } from './words/en-more.ts'

export const languages = { ru: 'Русский', uk: 'Українська', en: 'English' } as const
export type Language = keyof typeof languages
export type Key = keyof Words | keyof MoreWords

const setting = 'kinoteka-language'
let words: Record<string, string> = {}
export const language = createStore<Language>(chosen())

/** What was chosen here before; else the first of the browser's that there is. */
function chosen(): Language {
  const wanted = [localStorage.getItem(setting), ...navigator.languages].map((name) => name?.slice(0, 2).toLowerCase())
  return (wanted.find((name) => name !== undefined && name in languages) as Language | undefined) ?? 'en'
}

// Named one by one: what is served is known.
const files = {
  ru: () => import('./words/ru.ts'),
  uk: () => import('./words/uk.ts'),
  en: () => import('./words/en.ts'),
}
const moreFiles = {
  ru: () => import('./words/ru-more.ts'),
  uk: () => import('./words/uk-more.ts'),
  en: () => import('./words/en-more.ts'),
}
let hasMore = false

export async function loadLanguage(name: Language = language.get()): Promise<void> {
  const [first, more] = await Promise.all([files[name](), hasMore ? moreFiles[name]() : undefined])
  words = { ...first.words, ...more?.words }
  document.documentElement.lang = name
  language.set(name)
}

/** The words of the screens behind a login. */
export async function loadMoreWords(): Promise<void> {
  hasMore = true
  words = { ...words, ...(await moreFiles[language.get()]()).words }
}

export async function chooseLanguage(name: Language): Promise<void> {
  localStorage.setItem(setting, name)
  await loadLanguage(name)
}

/** The words for a key; `{name}` in them is replaced. With `count` the form that fits: forms are separated by `|`. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return fill(words[key] ?? key, values)
}

function fill(text: string, values: Record<string, string | number>): string {
  const { count } = values
  const form = typeof count === 'number' && text.includes('|') ? formFor(text.split('|'), count) : text
  return form.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name] ?? ''
    return typeof value === 'number' ? number(value) : value
  })
}

/** one|few|many of Russian and Ukrainian, one|other of English. */
function formFor(forms: string[], count: number): string {
  const order = forms.length === 2 ? ['one', 'other'] : ['one', 'few', 'many']
  const at = order.indexOf(new Intl.PluralRules(language.get()).select(count))
  return forms[at] ?? forms.at(-1) ?? ''
}

/** Words for a name that the service or Kinopoisk gives; the name itself where there are none. */
export function tName(group: string, name: string): string {
  return words[`${group}.${name}`] ?? name
}

export function errorText(error: unknown): string {
  const { code = '', message = '', retryAfter } = error as Partial<ApiError>
  const known = words[`error.${code}`]
  if (code === 'too_many_requests' && retryAfter) return t('error.wait', { time: duration(retryAfter) })
  return known ?? (message || t('error.unknown'))
}

export function number(value: number, options: Intl.NumberFormatOptions = {}): string {
  return new Intl.NumberFormat(language.get(), options).format(value)
}

export function score(value: number): string {
  return number(value, { minimumFractionDigits: 1, maximumFractionDigits: 1 })
}

export function date(value: string, options: Intl.DateTimeFormatOptions = { dateStyle: 'medium' }): string {
  const time = Date.parse(value)
  return Number.isNaN(time) ? value : new Intl.DateTimeFormat(language.get(), options).format(time)
}

export function dateTime(value: string): string {
  return date(value, { dateStyle: 'medium', timeStyle: 'short' })
}

/** "3 hours ago". */
export function ago(seconds: number): string {
  const units = [
    ['day', 86_400],
    ['hour', 3600],
    ['minute', 60],
  ] as const
  const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? (['second', 1] as const)
  return new Intl.RelativeTimeFormat(language.get(), { numeric: 'auto' }).format(-Math.round(seconds / size), unit)
}

function duration(seconds: number): string {
  const minutes = Math.ceil(seconds / 60)
  const style = (value: number, unit: string) => number(value, { style: 'unit', unit, unitDisplay: 'long' })
  return seconds < 90 ? style(Math.ceil(seconds), 'second') : style(minutes, 'minute')
}

/** 136 as "2 h 16 min". */
export function length(minutes: number): string {
  const short = (value: number, unit: string) => number(value, { style: 'unit', unit, unitDisplay: 'short' })
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60]
  return [hours > 0 && short(hours, 'hour'), (rest > 0 || hours === 0) && short(rest, 'minute')]
    .filter(Boolean)
    .join(' ')
}

/** Names of Kinopoisk's genres and countries begin in lower case. */
export function capital(text: string): string {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1)
}
