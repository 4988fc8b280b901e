/** A name in one spelling: white space of any kind and length becomes one space; Unicode is composed (NFC). */
export function normalizeName(name: string): string {
  return name.normalize('NFC').replace(/\s+/g, ' ').trim()
}
