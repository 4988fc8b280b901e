import { describe, expect, test } from 'vitest'
import { connect } from '../../src/db/connect.ts'
import { migrate } from '../../src/db/migrate.ts'
import { cloneDatabase } from '../support/databases.ts'

describe('Migrations', () => {
  test('one that waits for another longer than the usual lock time-out goes on waiting', async () => {
    const url = await cloneDatabase()
    const { sql, close } = connect(url, { max: 2 })
    try {
      const holder = await sql.reserve()
      await holder`select pg_advisory_lock(7300157)`
      let done = false
      const waiting = migrate(url).then(() => {
        done = true
      })
      await new Promise((resolve) => setTimeout(resolve, 5_500))
      expect(done).toBe(false)
      await holder`select pg_advisory_unlock(7300157)`
      await waiting
      holder.release()
    } finally {
      await close()
    }
  })
})
