// Repairs packages in node_modules by the diffs beside this file, and one by a program: after every `npm ci` and `npm install`, and
// by name where scripts are off (Dockerfile). Not by patch-package: it would bring some forty packages into production for one diff; not by
// npm's own `patchedDependencies`: npm 11, which Node 26 brings along, passes over it without a word.
// It runs on whatever Node `npm ci` is run with.
const fs = require('node:fs')
const path = require('node:path')
const folderOf = require('./packages.cjs')

for (const name of fs.readdirSync(__dirname).filter((each) => each.endsWith('.diff'))) {
  const folder = folderOf(path.basename(name, '.diff'))
  for (const part of fs.readFileSync(path.join(__dirname, name), 'utf8').split(/^--- .*\n(?=\+\+\+ )/m)) {
    if (part.startsWith('+++ b/')) repair(name, folder, part)
  }
}

require('./drizzle-orm.cjs')

/** Exactly, once, or not at all: a text that is neither as published nor repaired already is of a version to be looked at. */
function repair(name, folder, part) {
  const file = path.join(folder, /^\+\+\+ b\/(.*)/.exec(part)[1])
  const old = fs.readFileSync(file, 'utf8')
  let text = old
  for (const hunk of part.split(/^@@ .*\n/m).slice(1)) {
    const lines = hunk.split(/(?<=\n)/)
    const side = (sign) => lines.filter((line) => line[0] === ' ' || line[0] === sign).map((line) => line.slice(1))
    const before = side('-').join('')
    const after = side('+').join('')
    if (text.split(after).length === 2) continue
    if (text.split(before).length !== 2) {
      throw new Error(
        `patches/${name} does not fit ${file}: is the repair still needed in the version that is installed?`,
      )
    }
    text = text.replace(before, () => after)
  }
  if (text !== old) fs.writeFileSync(file, text)
}
