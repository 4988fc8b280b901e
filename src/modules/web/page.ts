import { createHash } from 'node:crypto'
import type { Assets } from './assets.ts'

interface Options {
  /** Whether the catalogue is shown without a login. */
  isPublic: boolean
  /** Whether the built-in sandbox stands for Kinopoisk. */
  isSandbox: boolean
}

/** What every first screen needs: fetched at once, not one behind the other. */
const preloaded = [
  ...['main.ts', 'app.ts', 'html.ts', 'router.ts', 'api.ts', 'session.ts', 'i18n.ts'],
  ...['parts/film-card.ts', 'parts/search-box.ts', 'parts/feedback.ts'],
]

/** The one HTML document of the page, and the policy that lets its import map through by its hash. */
export function renderPage({ version, imports, files }: Assets, { isPublic, isSandbox }: Options) {
  const at = (name: string) => `/web/${version}/${name}`
  const map = JSON.stringify({ imports: Object.fromEntries(Object.entries(imports).map(([k, file]) => [k, at(file)])) })
  const modules = [...preloaded.filter((name) => files.has(name)), ...Object.values(imports)]
  const html = `<!doctype html>
<html lang="en" data-public="${isPublic}" data-sandbox="${isSandbox}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#f6f4ef" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#14151a" media="(prefers-color-scheme: dark)">
<title>Kinoteka</title>
<link rel="icon" href="${at('icon.svg')}" type="image/svg+xml">
<link rel="manifest" href="${at('kinoteka.webmanifest')}">
<link rel="stylesheet" href="${at('styles.css')}">
<script type="importmap">${map}</script>
${modules.map((name) => `<link rel="modulepreload" href="${at(name)}">`).join('\n')}
<script type="module" src="${at('main.ts')}"></script>
</head>
<body>
<div id="app"><noscript><p class="notice">Kinoteka needs JavaScript. The API is described at <a href="/docs">/docs</a>.</p></noscript></div>
</body>
</html>
`
  const policy = [
    "default-src 'none'",
    `script-src 'self' 'sha256-${createHash('sha256').update(map).digest('base64')}'`,
    "style-src 'self'",
    // blob: photos of directors, which need a token.
    "img-src 'self' blob:",
    "connect-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join(';')
  return { html, policy }
}
