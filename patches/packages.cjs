// Where a package is, seen from here: npm puts what we need beside us where we are installed ourselves. Without `exports` being asked.
const fs = require('node:fs')
const path = require('node:path')

/** The folder of the package; undefined where there is none. */
module.exports = function folderOf(name) {
  const places = require.resolve.paths(name).map((folder) => path.join(folder, name))
  return places.find((folder) => fs.existsSync(path.join(folder, 'package.json')))
}
