import { afterEach, describe, expect, test } from 'vitest'
import { cloneDatabase } from '../support/databases.ts'
import { drive } from '../support/load.ts'
import { cleanUp, freshFolder, until } from '../support/process.ts'
import { startProxy } from '../support/proxy.ts'
import { addressOf, startReplica } from '../support/replica.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await cleanUp()
})

describe('Two replicas behind a proxy', () => {
  test('are restarted one after the other under load, and no request is lost', { timeout: 120_000 }, async () => {
    const url = await cloneDatabase()
    const folder = await freshFolder()
    let replicas = [startReplica(url, folder), startReplica(url, folder)]
    const proxy = await startProxy(await Promise.all(replicas.map(addressOf)))
    closers.push(proxy.close)
    const load = await drive(proxy.address)
    for (const i of [0, 1]) {
      const [old, slot] = [replicas[i], proxy.replicas[i]]
      if (!old || !slot) throw new Error('There are two')
      old.child.kill('SIGTERM')
      expect(await old.ended()).toBe(0)
      expect(slot.ready).toBe(false)
      const fresh = startReplica(url, folder)
      slot.address = await addressOf(fresh)
      replicas = replicas.with(i, fresh)
      await until(() => slot.ready)
      const before = load.answers()
      await until(() => load.answers() > before + 1000)
    }
    const failures = await load.stop()
    expect(proxy.failures).toEqual([])
    expect(failures).toEqual([])
    const served = replicas.map((replica) => replica.stdout().split('"msg":"request"').length - 1)
    expect(Math.min(...served)).toBeGreaterThan(200)
  })
})
