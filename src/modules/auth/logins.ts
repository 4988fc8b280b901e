import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js/max'
import { inputFault } from '../../errors.ts'
import { isReserved } from './reserved-names.ts'

/** The names under which a client may send its login; all mean the same. */
const loginNames = ['login', 'email', 'phone', 'username'] as const
export type LoginInput = { [name in (typeof loginNames)[number]]?: string | null | undefined }

/**
 * One form for each login: an e-mail in lower case, a phone as E.164, or a user name in lower case.
 * @throws {AppError} invalid_input when there is not exactly one, or it is none of the three
 */
export function readLogin(body: LoginInput, region: CountryCode): string {
  const given = loginNames.filter((name) => body[name])
  const [name = 'login'] = given
  if (given.length !== 1)
    throw inputFault('body.login', 'is required, under exactly one of the names login, email, phone or username')
  const login = (body[name] ?? '').normalize('NFKC').trim()
  if (login.includes('@')) return readEmail(login, name)
  if (/^\+?[\p{Nd}\p{Pd}\s().]+$/u.test(login)) return readPhone(login, region, name)
  // With marks, as some letters get one in lower case (`İ`): there are accounts with such a name.
  if (!/^[\p{L}\p{M}\p{Nd}_.-]{3,64}$/u.test(login)) throw noLogin(name)
  return login.toLowerCase()
}

/**
 * The same for a new account: only what logs in as it is stored, and no user name that could be taken for the service's own.
 * @throws {AppError} invalid_input
 */
export function readNewLogin(body: LoginInput, region: CountryCode): string {
  const login = readLogin(body, region)
  const name = loginNames.find((each) => body[each]) ?? 'login'
  const isName = !login.includes('@') && !login.startsWith('+')
  if (isName && !/^[\p{L}\p{Nd}_.-]{3,32}$/u.test(login)) throw noLogin(name)
  if (readLogin({ login }, region) !== login)
    throw inputFault(`body.${name}`, 'has letters that are other ones in lower case: write it in lower case')
  if (isName && isReserved(login)) throw inputFault(`body.${name}`, "looks like the service's own: take another")
  return login
}

function noLogin(name: string) {
  return inputFault(
    `body.${name}`,
    'must be an e-mail, a phone or a user name of 3 to 32 letters, digits, "_", "." or "-", in lower case too',
  )
}

/** True when `text` is one of the spellings of a normalised login. */
export function isSameLogin(text: string, login: string, region: CountryCode): boolean {
  try {
    return readLogin({ login: text }, region) === login
  } catch {
    return false
  }
}

// One @, no spaces, quotes or invisible characters, a domain with a dot: RFC 5321's lengths, HTML's idea of an address.
const emailForm =
  /^[^\s\p{C}@"(),:;<>[\\\]]{1,64}@(?:[\p{L}\p{Nd}](?:[\p{L}\p{Nd}-]{0,61}[\p{L}\p{Nd}])?\.)+[\p{L}\p{Nd}-]{2,63}$/u

function readEmail(login: string, name: string): string {
  // Lower case first: it can be longer (`İ`).
  const email = login.toLowerCase()
  if (email.length > 254 || !emailForm.test(email))
    throw inputFault(`body.${name}`, 'must be an e-mail such as ann@example.org')
  return email
}

function readPhone(login: string, region: CountryCode, name: string): string {
  const phone = parsePhoneNumberFromString(login, region)
  if (!phone?.isValid()) {
    throw inputFault(`body.${name}`, 'is all digits, so it must be a phone that exists, best in the form +380501234567')
  }
  return phone.number
}
