/** What a kind of file may import of ours: by value and type, and by type alone; and which packages it must not. */
export interface Rule {
  from: RegExp
  may: (match: RegExpExecArray) => RegExp[]
  types?: RegExp[]
  never?: RegExp
}

const db = /^src\/db\//
const cache = /^src\/cache\//
const catalogue = /^src\/catalogue\//
const filmIds = /^src\/catalogue\/film-ids\.ts$/
const config = /^src\/config\//
export const configFile = /^src\/config\/config\.ts$/
const commands = /^src\/commands\//
const doctor = /^src\/doctor\//
const embedded = /^src\/embedded\//
const errors = /^src\/errors\.ts$/
const files = /^src\/files\//
const http = /^src\/http\//
const httpSchemas = /^src\/http\/schemas\.ts$/
const jsonPayload = /^src\/http\/(json-payload|own-state)\.ts$/
const text = /^src\/text\//
const logThrottle = /^src\/log-throttle\.ts$/
const semaphore = /^src\/semaphore\.ts$/
const turns = /^src\/turns\.ts$/
const web = /^src\/web\//
const plugins = /^src\/plugins\//
const services = /^src\/services\.ts$/
const moduleRoutes = /^src\/modules\/\w+\/(?:[\w-]+\/)?(?:[\w-]+-)?routes\.ts$/
const otherSchemas = /^src\/modules\/\w+\/(?:[\w-]+-)?schemas\.ts$/
const otherServices = /^src\/modules\/\w+\/service\.ts$/
const externals = /^src\/(kinopoisk|storage|pictures)\//
const own = (folder = '') => new RegExp(`^${folder}`)
// A repository is below the service: of its folder it has parts that neither clients see nor services decide.
const ownParts = (folder = '') => new RegExp(`^${folder}(?!.*(?:routes|schemas|service)\\.ts$)`)

// The table of docs/architecture.md. The first row that fits a file is its rule.
export const rules: Rule[] = [
  {
    from: /^src\/server\.ts$/,
    may: () => [
      /^src\/(app|instrument|start-messages|terminal)\.ts$/,
      config,
      /^src\/db\/(errors|prepare|refusal)\.ts$/,
      embedded,
    ],
  },
  { from: /^src\/cli\.ts$/, may: () => [/^src\/(instrument|server)\.ts$/, commands] },
  {
    from: commands,
    may: () => [config, db, embedded, doctor, /^src\/modules\/auth\//, /^src\/(start-messages|terminal)\.ts$/],
  },
  { from: doctor, may: () => [doctor, config, db, embedded, externals, text, /^src\/start-messages\.ts$/] },
  { from: /^src\/instrument\.ts$/, may: () => [config, text, /^src\/db\/errors\.ts$/] },
  { from: /^src\/app\.ts$/, may: () => [plugins, services, /^src\/routes\.ts$/], types: [config] },
  { from: services, may: () => [/^src\/(?!cli|server|commands|doctor|instrument|app\.|routes|embedded|plugins)/] },
  { from: /^src\/routes\.ts$/, may: () => [moduleRoutes, plugins, semaphore], types: [config, services] },
  { from: config, may: () => [config, text] },
  { from: /^src\/(errors|terminal|turns|log-throttle)\.ts$/, may: () => [] },
  { from: /^src\/start-messages\.ts$/, may: () => [config, /^src\/db\/errors\.ts$/, /^src\/terminal\.ts$/] },
  { from: text, may: () => [] },
  { from: web, may: () => [web], never: /^(?!(preact|preact\/hooks|htm)$)/ },
  { from: semaphore, may: () => [errors, turns] },
  { from: http, may: () => [http, errors, text] },
  { from: files, may: () => [files, text] },
  { from: db, may: () => [db, text] },
  { from: /^src\/(?:cache|catalogue)\//, may: ([folder]) => [own(folder), db, text] },
  { from: /^src\/(?:storage|kinopoisk)\//, may: ([folder]) => [own(folder), db, cache, text, errors, logThrottle] },
  { from: /^(src\/pictures\/)/, may: ([folder]) => [own(folder), files, text] },
  { from: embedded, may: () => [embedded] },
  { from: plugins, may: () => [db, cache, externals, http, errors, logThrottle] },
  {
    from: /^(src\/modules\/\w+\/(?:\w+\/)?)(?:[\w-]+-)?schemas\.ts$/,
    may: ([, folder]) => [
      httpSchemas,
      errors,
      filmIds,
      otherSchemas,
      own(`${folder}(?:[\\w-]+-)?schemas|${folder}format`),
    ],
  },
  // What asks the database is a repository by whatever name it goes.
  {
    from: /^(src\/modules\/\w+\/)(?:\w+\/)?(?:[\w-]+-)?(?:repository|query|columns|lock)\.ts$/,
    may: ([, folder]) => [db, catalogue, ownParts(folder)],
    never: /^(@?fastify|undici)\b/,
  },
  {
    from: /^(src\/modules\/\w+\/).*routes\.ts$/,
    may: ([, folder]) => [own(folder), http, errors, semaphore, otherSchemas, /^src\/plugins\/auth\.ts$/],
    types: [otherServices],
    never: /^(drizzle-orm|postgres|undici)\b/,
  },
  {
    from: /^(src\/modules\/\w+\/)/,
    may: ([, folder]) => [own(folder), errors, text, cache, files, semaphore, jsonPayload, filmIds],
    types: [otherServices, otherSchemas, externals, db],
    never: /^(@?fastify|drizzle-orm|postgres|undici)\b/,
  },
]
