import { isUtf8 } from 'node:buffer'

interface CodePage {
  /** Each sign with its byte. */
  bytes: Map<string, number>
  /** A sign that begins a letter of UTF-8, and those that go on with it. */
  pair: RegExp
}

const codePages = ['windows-1251', 'windows-1252'].map((name): CodePage => {
  const upper = [...new TextDecoder(name).decode(Uint8Array.from({ length: 128 }, (_, i) => 128 + i))]
  const signs = (from: number, to: number) => upper.slice(from - 128, to - 128).join('')
  const next = signs(0x80, 0xc0)
  return {
    bytes: new Map(upper.map((sign, i) => [sign, 128 + i])),
    pair: new RegExp(`[${signs(0xc2, 0xe0)}][${next}]|[${signs(0xe0, 0xf0)}][${next}]{2}`),
  }
})
const utf8 = new TextDecoder('utf-8')
const suspect = /[?\u0080-\uffff]/
const narrowLetter = /[\u00aa-\u07ff]/g
// Those that names are written with: Ні, Пі and CAFÉ… would become others.
const usualLetter = /[\u00c0-\u017f\u0386-\u03ce\u0400-\u045f\u0490\u0491\u05d0-\u05ea\u0620-\u064a]/g
const wideLetter = /[\u0800-\ufffc]/g
const letter = /\p{L}/u
// A word of letters with marks alone is Cyrillic of windows-1251, read as windows-1252.
const onlyMarked = /(?<![\p{L}\p{M}])[\u00a8\u00b8À-ÖØ-öø-ÿ]{4,}(?![\p{L}\p{M}])/u
// The ten letters that Russian has most of, as windows-1252 shows them.
const common = /[àåèîíòñðâë]/gi
// Where letters were: a spreadsheet writes one `?` for each that its encoding does not have.
const lostWord = /(?<![\p{L}\p{N}\p{P}])\?{4,}/u

/** The part that shows that a text was damaged before it came, by a wrong encoding; undefined for a sound text. */
export function damageOf(text: string): string | undefined {
  if (!suspect.test(text)) return undefined
  if (text.includes('\ufffd')) return around(text, text.indexOf('\ufffd'))
  if (text.includes('???')) {
    if (!letter.test(text)) return text.slice(0, 20)
    const lost = lostWord.exec(text)
    if (lost) return around(text, lost.index)
  }
  const [marked = ''] = onlyMarked.exec(text) ?? []
  if ((marked.match(common)?.length ?? 0) * 3 > marked.length) return marked.slice(0, 20)
  return codePages.some((page) => isMisread(text, page)) ? text.slice(0, 20) : undefined
}

/** UTF-8 that was read by the code page: its signs are bytes of UTF-8 again. */
function isMisread(text: string, { bytes: page, pair }: CodePage): boolean {
  if (!pair.test(text)) return false
  const bytes = Buffer.from(Array.from(text, (sign) => byteOf(sign, page)))
  const restored = utf8.decode(bytes)
  const letters = (restored.match(narrowLetter) ?? []).filter((sign) => letter.test(sign)).length
  // One of three bytes may be an accident: é»» is another one.
  if (isUtf8(bytes)) {
    const usual = restored.match(usualLetter)?.length ?? 0
    // One alone may be a word of two letters: Её would be Ÿ.
    if (usual > 1 || (usual === 1 && !/^\p{L}{2}$/u.test(text.replace(/[^\u0080-\uffff]/g, '')))) return true
    return (restored.match(wideLetter) ?? []).filter((sign) => letter.test(sign)).length > 1
  }
  return letters >= 3 && letters > 2 * (restored.split('\ufffd').length - 1)
}

function byteOf(sign: string, page: Map<string, number>): number {
  const code = sign.charCodeAt(0)
  return sign.length === 1 && code < 128 ? code : (page.get(sign) ?? 0xff)
}

function around(text: string, at: number): string {
  return text.slice(Math.max(0, at - 8), at + 12)
}
