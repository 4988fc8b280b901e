/** For `vi.waitFor` and `vi.waitUntil`, whose second is too short on a busy machine. */
export const patient = { timeout: 45_000 }
