// Prints the path of the Node that runs the TypeScript of this project: the one that npm itself runs on where it is new enough,
// else the one that `npm ci` brings along. By its path: npm 10 and early 11 leave no link to it in node_modules/.bin, as two
// optional packages have one of the same name. It runs on whatever Node is there.
const { execFileSync } = require('node:child_process')
const path = require('node:path')
const folderOf = require('../patches/packages.cjs')
const { devEngines } = require('../package.json')

const wanted = devEngines.runtime.version.replace('>=', '')
const packaged = path.join(folderOf(`node-${process.platform}-${process.arch}`) ?? '', 'bin/node')
const own = process.env.npm_node_execpath || process.execPath
const found = [own, packaged].find((node) => isNewEnough(versionOf(node)))

if (found) process.stdout.write(found)
else {
  process.stderr.write(
    `This service needs Node.js ${wanted} or newer, this is ${process.version}.\n` +
      'On Linux (x64, arm64, glibc) "npm ci" brings it along; elsewhere install it from https://nodejs.org.\n',
  )
  process.exitCode = 1
}

/** Empty where there is none, or one that this machine can't run. */
function versionOf(node) {
  try {
    return String(execFileSync(node, ['-p', 'process.versions.node'], { stdio: ['ignore', 'pipe', 'ignore'] }))
  } catch (_) {
    return ''
  }
}

function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number)
  const [wantedMajor, wantedMinor] = wanted.split('.').map(Number)
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
}
