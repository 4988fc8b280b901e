// Runs before every npm script, on whatever Node is there: the rest of the code is TypeScript that only Node 26 loads.
var wanted = 26
if (parseInt(process.versions.node, 10) < wanted) {
  console.error(
    'This service needs Node.js ' +
      wanted +
      ' or newer, this is ' +
      process.version +
      '.\n' +
      'On Linux (x64, arm64) "npm ci" brings it along; elsewhere install it from https://nodejs.org.',
  )
  process.exit(1)
}
