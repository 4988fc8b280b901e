// Keys of the two layouts in one order, without and with Shift.
const latin = '`qwertyuiop[]asdfghjkl;\'zxcvbnm,./~QWERTYUIOP{}ASDFGHJKL:"ZXCVBNM<>?'
const cyrillic = 'ёйцукенгшщзхъфывапролджэячсмитьбю.ЁЙЦУКЕНГШЩЗХЪФЫВАПРОЛДЖЭЯЧСМИТЬБЮ,'

const toCyrillic = new Map([...latin].map((key, i) => [key, cyrillic[i] ?? key]))
const toLatin = new Map([...cyrillic].map((key, i) => [key, latin[i] ?? key]))

/**
 * What the same keys give in the other keyboard layout (vfnhbwf → матрица, ьфекшч → matrix); undefined for a text with
 * letters of both alphabets or of neither.
 */
export function otherLayout(text: string): string | undefined {
  const composed = text.normalize('NFC')
  const isLatin = /[a-z]/i.test(composed)
  const isCyrillic = /[а-яё]/i.test(composed)
  if (isLatin === isCyrillic) return undefined
  const keys = isLatin ? toCyrillic : toLatin
  return Array.from(composed, (char) => keys.get(char) ?? char).join('')
}
