import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startPostgres } from '../../src/embedded/postgres.ts'
import { severalHosts } from '../../test/support/failover.ts'
import { askAnew, askAnewWith, askAtOwnAddresses, askForPosters, makeKey, mendGateway } from './gateway.ts'
import type { Stage } from './stage.ts'
import { createClient } from './traffic.ts'

export interface Fault {
  /** What is done, in words. */
  name: string
  /** What must fire of it. */
  alerts: string[]
  /** Goes on until told to stop, and then puts things right. */
  inject(stage: Stage, signal: AbortSignal): Promise<void>
}

const password = 'correct horse battery'
let strangers = 0

/** In this order: the last ones leave nothing behind that works. */
export const faults: Fault[] = [
  kinopoisk('answers 500, and what is kept expires', 500, [
    'KinopoiskCircuitOpen',
    'KinopoiskMakeshift',
    'OperationFails',
  ]),
  kinopoisk('answers other shapes', 'wrong_shape', ['KinopoiskChanged']),
  kinopoisk('answers 404 with a page of HTML', 'html_404', ['KinopoiskDistrusted']),
  kinopoisk('does not answer', 'hang', ['KinopoiskSlow']),
  kinopoisk('refuses the key (401)', 401, ['KinopoiskKeyRejected']),
  kinopoisk('says that the quota is used up (402), though we have calls left', 402, ['KinopoiskQuotaGone']),
  {
    name: '300 unknown films are asked for at once',
    alerts: ['KinopoiskQueueFull'],
    inject: (stage, signal) => mendedAfter(stage, () => over(signal, () => askAnew(stage, 300))),
  },
  {
    name: 'others spend 300 of the 400 calls, and unknown films are asked for until users get no more',
    alerts: ['KinopoiskQuotaLow', 'KinopoiskQuotaGone'],
    inject: (stage, signal) =>
      mendedAfter(stage, async () => {
        await stage.spendOutside(300)
        await over(signal, () => askAnew(stage, 30, 0))
      }),
  },
  {
    name: 'posters are asked for whose hosts cannot be reached',
    alerts: ['PicturesFail'],
    inject: (stage, signal) => over(signal, () => askForPosters(stage, 5)),
  },
  {
    name: 'a user who may cause no call asks for unknown films, again and again',
    alerts: ['KinopoiskUserShareSpent'],
    inject: (stage, signal) =>
      mendedAfter(stage, async () => {
        await stage.refuseAdmin()
        await over(signal, () => askAnew(stage, 30, 0))
      }),
  },
  {
    name: 'a program spends the 230 calls of its personal key, and goes on',
    alerts: ['KinopoiskPersonalKeySpendsMost', 'KinopoiskPersonalKeySpent'],
    inject: (stage, signal) =>
      mendedAfter(stage, async () => {
        const key = await makeKey(stage, 230)
        await over(signal, () => askAnewWith(stage, key, 30))
      }),
  },
  {
    name: "a client whose key may cause no call asks at Kinopoisk's own addresses, again and again",
    alerts: ['CompatibleBudgetsSpent'],
    inject: (stage, signal) =>
      mendedAfter(stage, async () => {
        const key = await makeKey(stage, 0, 'gateway')
        await over(signal, () => askAtOwnAddresses(stage, key, 30))
      }),
  },
  {
    name: 'the database refuses connections',
    alerts: ['DatabaseDown', 'ErrorBudgetBurnsFast', 'ErrorBudgetBurns', 'ErrorBudgetBurnsSlowly'],
    inject: async ({ database }, signal) => {
      await database.cut()
      await ended(signal)
      await database.restore()
    },
  },
  {
    name: 'a second host of DATABASE_URL takes writes and is of another cluster',
    alerts: ['DatabaseSplit'],
    inject: async (stage, signal) => {
      const other = await startPostgres({ dataDir: join(stage.folder, 'other'), settings: { fsync: 'off' } })
      await stage.stop('b')
      await stage.startReplica('b', severalHosts(stage.database.url, other.url))
      await ended(signal)
      await stage.stop('b')
      await stage.startReplica('b')
      await other.stop()
    },
  },
  {
    name: 'the database says nothing for 2 s, again and again, under load',
    alerts: ['PoolWaiting', 'DatabaseSlow', 'AnswersSlow'],
    inject: async (stage, signal) => {
      const load = over(signal, async () => {
        const user = createClient(() => stage.address('a'))
        await Promise.all(Array.from({ length: 60 }, () => user.send('GET', '/readyz')))
        await user.login('admin')
        await Promise.all(Array.from({ length: 60 }, () => user.send('GET', '/films')))
      })
      await over(signal, async () => {
        stage.database.freeze()
        await sleep(2000)
        await stage.database.restore()
        await sleep(200)
      })
      await load
    },
  },
  {
    name: '400 logins at once',
    alerts: ['PasswordQueueLong'],
    inject: (stage, signal) =>
      over(signal, () => {
        const anyone = createClient(() => stage.address('a'))
        const login = () => anyone.login(`nobody${strangers++}@example.org`)
        return Promise.all(Array.from({ length: 400 }, login))
      }),
  },
  {
    name: 'a replica is frozen for 600 ms, again and again',
    alerts: ['EventLoopSlow'],
    inject: async ({ running }, signal) => {
      const { child } = running.get('b') ?? {}
      await over(signal, async () => {
        child?.kill('SIGSTOP')
        await sleep(600)
        child?.kill('SIGCONT')
        await sleep(300)
      })
    },
  },
  {
    name: '800 idle connections where 1000 files may be open',
    alerts: ['FilesRunOut'],
    inject: async (stage, signal) => {
      const { port, hostname } = new URL(stage.address('b'))
      const sockets = Array.from({ length: 800 }, () => connect(Number(port), hostname).on('error', () => {}))
      await ended(signal)
      for (const socket of sockets) socket.destroy()
    },
  },
  {
    name: 'the memory limit is lowered to 60 MiB',
    alerts: ['MemoryHigh'],
    inject: async ({ writeRules }, signal) => {
      await writeRules({ memoryMiB: 60 })
      await ended(signal)
      await writeRules()
    },
  },
  {
    name: 'the changes of the database cannot be read',
    alerts: ['MemoryCacheOff'],
    inject: async ({ hideChanges, showChanges }, signal) => {
      await hideChanges()
      await ended(signal)
      await showChanges()
    },
  },
  {
    name: 'a refresh token comes again after 11 s',
    alerts: ['RefreshTokenReused'],
    inject: async (stage, signal) => {
      const user = createClient(() => stage.address('a'))
      await user.send('POST', '/register', { login: 'reuser@example.org', password })
      await user.login('reuser@example.org')
      const old = user.tokens()
      await user.refresh()
      await sleep(11_000)
      await user.refresh(old)
      await ended(signal)
    },
  },
  {
    name: 'wrong passwords for one account, 20 at a time',
    alerts: ['LoginsThrottled'],
    inject: (stage, signal) =>
      over(signal, () => {
        const thief = createClient(() => stage.address('a'))
        return Promise.all(Array.from({ length: 20 }, () => thief.login('admin', 'not the password')))
      }),
  },
  {
    name: 'a rule that cannot be evaluated',
    alerts: ['RulesFail'],
    inject: async ({ writeRules }, signal) => {
      await writeRules({ broken: true })
      await ended(signal)
      await writeRules()
    },
  },
  {
    name: 'a replica is killed and started, again and again',
    alerts: ['ReplicaRestarts'],
    inject: (stage, signal) =>
      over(signal, async () => {
        await stage.stop('b')
        await stage.startReplica('b')
        await sleep(1200)
      }),
  },
  { name: 'a replica is killed', alerts: ['ReplicaDown'], inject: ({ stop }) => stop('b') },
  { name: 'the other one as well', alerts: ['ServiceGone'], inject: ({ stop }) => stop('a') },
  { name: 'Alertmanager is killed', alerts: ['AlertsUnsent'], inject: ({ stop }) => stop('alertmanager') },
]

function kinopoisk(what: string, fault: Parameters<Stage['sandbox']['fail']>[0], alerts: string[]): Fault {
  return {
    name: `Kinopoisk ${what}`,
    alerts,
    inject: (stage, signal) =>
      mendedAfter(stage, async () => {
        stage.sandbox.fail(fault)
        await stage.expireAnswers()
        await over(signal, () => askAnew(stage, 3, 3))
      }),
  }
}

/** From a day of which nothing is spent, and leaves such a day. */
async function mendedAfter(stage: Stage, work: () => Promise<void>): Promise<void> {
  await stage.forgiveKey()
  await work()
  await mendGateway(stage)
}

async function over(signal: AbortSignal, work: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) {
    await work()
    await sleep(100)
  }
}

async function ended(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) await sleep(100)
}
