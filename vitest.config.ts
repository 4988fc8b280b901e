import { statfsSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, parseCLI, type TestSpecification } from 'vitest/node'

const { filter, options } = parseCLI(['vitest', ...process.argv.slice(2)])
// A file that is named covers a part of the code only: coverage is not measured then, and asks for nothing where it is.
const someFiles = filter.some((name) => /\.test\.ts(:\d+)?$/.test(name))
// What takes minutes: by `--project slow`, `load` or `browser` (or '*'), or by name.
const isSlowToo = [...[options.project ?? []].flat(), ...filter].some((name) =>
  /\b(slow|load|browser)\b|^\*$/.test(name),
)

// Databases are made by the hundred: in memory, where there is room for them, in a fifth of the time.
if (!process.env.TMPDIR && hasRoom('/dev/shm')) process.env.TMPDIR = '/dev/shm'

// For busy machines: what waits, waits for an event.
const patience = { testTimeout: 120_000, hookTimeout: 120_000, expect: { poll: { timeout: 45_000 } } }
const projects = [
  {
    name: 'app',
    include: ['test/*.test.ts'],
    // The whole fuzz is in `slow`, which runs then.
    exclude: isSlowToo ? ['test/fuzz.test.ts'] : [],
    env: { FUZZ_RUNS: process.env.FUZZ_RUNS ?? '4', KEEP_DATABASES: process.env.KEEP_DATABASES ?? '1' },
  },
  // The service as a process of its own.
  { name: 'process', include: ['test/process/*.test.ts'], globalSetup: 'test/support/cluster.ts' },
  // Chromium on /docs and on the page for people, and the clients that generators make.
  { name: 'browser', include: ['test/browser/*.test.ts'] },
  // The whole fuzz, replicas under a thousand requests, poolers and proxies.
  { name: 'slow', include: ['test/slow/*.test.ts'] },
  // What compares times or memory under load.
  { name: 'load', include: ['test/load/*.test.ts'] },
]

/** The largest files begin first, but for the longest, whose size says little: one of them alone at the end would be waited for. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) =>
      Number(
        /(browser\/(web-screens|documentation)|process\/server|slow\/fuzz|load\/long-lists-load)\.test/.test(moduleId),
      )
    return (await super.sort(files)).toSorted((a, b) => isLong(b) - isLong(a))
  }
}

export default defineConfig({
  test: {
    // `npm test` counts them as skipped. They run where their file is named, and where all projects run.
    tags: [
      {
        name: 'slow',
        description:
          'Takes more than 0.3 s alone: many requests at once, replicas, a start, or a wait for the real clock.',
        skip: !(someFiles || isSlowToo),
      },
    ],
    sequence: { sequencer: LongestFirst },
    globalSetup: 'test/support/database.ts',
    projects: projects
      .filter(({ name }) => ['app', 'process'].includes(name) || isSlowToo)
      .map((project) => ({
        test: {
          // Many files in one worker: what they import is read once.
          ...{ pool: 'forks' as const, isolate: false, ...patience, ...project },
          // More than two cores, as a test often waits; not under load, which comes last and beside nothing else.
          maxWorkers: project.name === 'load' ? 2 : 4,
          sequence: { groupOrder: project.name === 'load' ? 1 : 0 },
        },
      })),
    coverage: {
      enabled: !someFiles,
      provider: 'v8',
      include: ['src/**/*.ts'],
      // Runs in browsers: test/browser/web-screens.test.ts opens every screen of it there.
      exclude: ['src/web/**'],
      reporter: [['text', { skipFull: true }], 'json-summary'],
      thresholds: someFiles ? {} : { lines: isSlowToo ? 96.4 : 90, statements: 90, functions: 90, branches: 80 },
    },
  },
})

function hasRoom(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize > 6 * 2 ** 30
  } catch {
    return false
  }
}
