import { Command } from 'commander'
import packageJson from '../package.json' with { type: 'json' }

// What tools/kinoteka runs. A command is loaded when it is named: a start needs none of the others, and no command the service.
const program = new Command('kinoteka')
  .description(packageJson.description)
  .version(packageJson.version, '-v, --version')
  .showHelpAfterError('kinoteka --help says what there is.')
  .addHelpText(
    'after',
    '\nThe environment and the file .env of this folder say how: docs/configuration.md has every variable.\n' +
      'Without any, a PostgreSQL database is made in .data of this folder, and a sandbox plays Kinopoisk.',
  )

program
  .command('start')
  .description('runs the service, until Ctrl-C')
  .action(async () => {
    await import('./instrument.ts') // before all else, as Sentry requires
    await import('./server.ts')
  })

program
  .command('migrate')
  .description('brings the database at DATABASE_URL to the newest schema, as every start does, and ends')
  .action(() => printing(async () => (await import('./commands/migrate.ts')).migrateNow()))

program
  .command('admin')
  .argument('<login>', 'a phone, an e-mail or a user name')
  .option('--reset', 'issues a one-time token for a new password instead')
  .description('makes an administrator of an account, or a new account with a random password')
  .action((login: string, { reset = false }: { reset?: boolean }) =>
    printing(async () => (await import('./commands/admin.ts')).administer(login, reset)),
  )

program
  .command('doctor')
  .option('--json', 'for programs: {"ok", "checks": [{"name", "status", "message"}]}')
  .description('checks all that the service needs, changes nothing, and says what to do; exit code 1 if a check fails')
  .action(async ({ json = false }: { json?: boolean }) => {
    const { runDoctor } = await import('./commands/doctor.ts')
    const passed = await runDoctor(json)
    // What does not answer may not have let go of its connection.
    process.exit(passed ? 0 : 1)
  })

await program.parseAsync()

async function printing(command: () => Promise<string>): Promise<void> {
  try {
    process.stdout.write(`${await command()}\n`)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exitCode = 1
  }
}
