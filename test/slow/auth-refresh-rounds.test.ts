import type { LightMyRequestResponse } from 'fastify'
import { describe, expect, test } from 'vitest'
import {
  figure,
  generation,
  newUser,
  profile,
  refresh,
  serveAuth,
  service,
  statuses,
  type Tokens,
} from '../support/auth.ts'

serveAuth()

describe('refreshing', () => {
  test('round after round, 50 at once over two replicas lose nobody a session', async () => {
    const { tokens, id } = await newUser()
    const apps = [service.app, await service.replica()]
    const reused = await figure('auth_refresh_reuse_total')
    let pair: Tokens = tokens
    for (let round = 1; round <= 60; round++) {
      const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => refresh(pair, apps[i % 2])))
      expect(statuses(answers)).toEqual({ 200: 50 })
      expect(new Set(answers.map((answer) => answer.json().refresh_token)).size).toBe(1)
      expect(await generation(id)).toBe(round)
      pair = (answers[round % 50] as LightMyRequestResponse).json()
    }
    expect((await profile(pair, apps[1])).statusCode).toBe(200)
    expect(await figure('auth_refresh_reuse_total')).toBe(reused)
    expect(await figure('auth_refresh_reuse_total', {}, apps[1])).toBe(0)
  })
})
