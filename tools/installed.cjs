// For a package that npm has installed into node_modules, where Node refuses to strip types itself: loaded before all else by
// tools/kinoteka. Of other packages nothing is changed.
// To be removed when Node strips types there too, or the package is published as JavaScript.
const { readFileSync } = require('node:fs')
const { registerHooks, stripTypeScriptTypes } = require('node:module')
const path = require('node:path')
const { fileURLToPath, pathToFileURL } = require('node:url')

const sources = pathToFileURL(path.join(__dirname, '../src/')).href

registerHooks({
  load(url, context, nextLoad) {
    if (!url.startsWith(sources) || !url.endsWith('.ts')) return nextLoad(url, context)
    const source = withoutWarning(() => stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8')))
    return { format: 'module', source, shortCircuit: true }
  },
})

// npm may have been told to run no install scripts.
try {
  require('../patches/apply.cjs')
} catch (error) {
  process.stderr.write(`${error.message}\n`)
}

/** That the function is experimental; the service runs on no Node but the tested ones. */
function withoutWarning(work) {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return work()
  } finally {
    process.emitWarning = emitWarning
  }
}
