import { hash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'

export interface Drawn {
  id: number
  title: string
  year: number | null
}

const fontfile = fileURLToPath(import.meta.resolve('@expo-google-fonts/pt-sans/700Bold/PTSans_700Bold.ttf'))
const [width, height, margin] = [360, 540, 28]
const maxTitle = 90

/**
 * The poster of a film of the sandbox: its title on a colour that goes with it, always the same. The font comes along, so
 * that Cyrillic shows on a machine that has no fonts.
 */
export async function drawPoster({ id, title, year }: Drawn): Promise<Buffer> {
  const [hue = 0, shade = 0] = hash('sha256', `${id} ${title}`, 'buffer')
  const background = colour((hue * 360) / 256, 0.45, 0.2 + (shade % 16) / 100)
  const stripe = colour((hue * 360) / 256 + 30, 0.7, 0.6)
  const bar = { create: { width: 72, height: 8, channels: 3 as const, background: stripe } }
  const shown = title.length > maxTitle ? `${[...title].slice(0, maxTitle).join('').trimEnd()}…` : title
  return sharp({ create: { width, height, channels: 3, background } })
    .composite([
      { input: bar, left: margin, top: margin },
      { input: text(shown, shown.length > 40 ? 26 : 36), left: margin, top: margin + 32 },
      ...(year === null ? [] : [{ input: text(String(year), 22), left: margin, top: height - margin - 24 }]),
    ])
    .png({ compressionLevel: 1 })
    .toBuffer()
}

/** Pango's markup, in white. */
function text(words: string, size: number) {
  const clean = words.replace(/\p{Cc}/gu, ' ').trim() || '—'
  const escaped = clean.replace(/[&<>'"]/g, (char) => `&#${char.charCodeAt(0)};`)
  const markup = `<span foreground="white">${escaped}</span>`
  const font = `PT Sans Bold ${size}`
  return { text: { text: markup, font, fontfile, width: width - 2 * margin, wrap: 'word-char' as const, rgba: true } }
}

function colour(hue: number, saturation: number, lightness: number) {
  const part = (n: number) => {
    const k = (n + hue / 30) % 12
    const a = saturation * Math.min(lightness, 1 - lightness)
    return Math.round(255 * (lightness - a * Math.max(-1, Math.min(k - 3, 9 - k, 1))))
  }
  return { r: part(0), g: part(8), b: part(4) }
}
