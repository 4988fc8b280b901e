// Node reads the `exports` of a package.json anew for every file of the package that it loads, and for every import of it. Those of
// drizzle-orm are 130 kB, 447 entries that say one rule: of 3.0 s CPU time that a start took, 1.0 s (Node 26.10; 24 and 22 do the
// same). So what the rule says is left to one pattern; what an import of any name leads to stays the same.
// To be removed when Node keeps what it has read, or drizzle-orm has such a pattern itself.
const fs = require('node:fs')
const path = require('node:path')
const folderOf = require('./packages.cjs')

const folder = folderOf('drizzle-orm')

/** As drizzle-orm writes it for `name`.js. */
function entry(name) {
  const types = `./${name}.d.ts`
  const main = `./${name}.js`
  return {
    import: { types, default: main },
    require: { types: `./${name}.d.cts`, default: `./${name}.cjs` },
    types,
    default: main,
  }
}

function withPattern(exports) {
  const isSame = ([name, value]) => JSON.stringify(value) === JSON.stringify(entry(name.replace('./', '')))
  const others = Object.entries(exports).filter((each) => !isSame(each))
  return { ...Object.fromEntries(others), './*': entry('*') }
}

if (folder) {
  const file = path.join(folder, 'package.json')
  const manifest = JSON.parse(fs.readFileSync(file, 'utf8'))
  const exports = withPattern(manifest.exports)
  if (JSON.stringify(exports) !== JSON.stringify(manifest.exports)) {
    // As a new file: some package managers link one file into several projects.
    fs.writeFileSync(`${file}.new`, `${JSON.stringify({ ...manifest, exports }, null, 2)}\n`)
    fs.renameSync(`${file}.new`, file)
  }
}
